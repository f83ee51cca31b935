//! Giving memory back: frames that the log has invalidated are looked for in small steps and unlinked.
//!
//! The log makes an invalidation valid at once; nobody waits for a sweep, and a sweep that finds nothing, or never ends,
//! leaves nothing wrong. Only who invalidated something sweeps.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redis::{Cmd, Value};

use super::Room;
use super::link::Lane;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Group;
use crate::key::Key;
use crate::tier::{Step, Tidied};

/// Keys looked at in one step.
const COUNT: usize = 128;
/// Frames up to this size are read many at once, larger ones one by one: a step takes little memory whatever lies there.
const SMALL: usize = 8 << 10;
/// The last bytes of a frame: its checksum.
const TELLING: usize = 8;
/// More patterns than these are swept as one.
const MOST: usize = 32;
/// The cursor of a scan that begins, and of one that has ended.
pub(super) const START: &str = "0";
/// So long after one sweep of a beginning the next of it may start.
const PAUSE: Duration = Duration::from_secs(5);

/// What is to be swept: all keys that begin like this.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    waiting: Vec<String>,
    now: Option<Place>,
    ended: Option<Instant>,
}

/// How far a sweep has come.
#[derive(Debug, Clone)]
struct Place {
    beginning: String,
    /// Of a cluster, which of its servers.
    server: usize,
    cursor: String,
}

impl Sweeps {
    /// These were invalidated; keys themselves are gone already.
    pub(super) fn add(&mut self, groups: &[Group]) {
        for group in groups {
            let beginning = match group {
                Group::Key(_) => continue,
                Group::Pattern(pattern) => pattern.prefix().to_owned(),
                Group::Namespace(name) => format!("{name}:"),
                Group::Tag(_) | Group::Tagged | Group::Everything => String::new(),
            };
            if self.waiting.iter().any(|w| beginning.starts_with(w.as_str())) {
                continue;
            }
            self.waiting.retain(|w| !w.starts_with(beginning.as_str()));
            self.waiting.push(beginning);
            if self.waiting.len() > MOST {
                self.waiting = vec![String::new()];
            }
        }
    }

    /// The beginning under way, and where in it the next step starts.
    fn next(&mut self) -> Option<Place> {
        if self.now.is_none() && self.ended.is_none_or(|at| at.elapsed() > PAUSE) {
            let place = |beginning| Place { beginning, server: 0, cursor: START.to_owned() };
            self.now = self.waiting.pop().map(place);
        }
        self.now.clone()
    }

    fn stepped(&mut self, to: Option<Place>) {
        if to.is_none() {
            self.ended = Some(Instant::now());
        }
        self.now = to;
    }
}

impl Room {
    pub(super) async fn tidy(&self, step: Step<'_>) -> Result<Tidied> {
        let next = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).next();
        // Redis lets go of what expires by itself.
        let Some(place) = next else { return Ok(Tidied { wrapped: true, ..Tidied::default() }) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(&place.cursor).arg("MATCH").arg(self.names.glob(&place.beginning));
        scan.arg("COUNT").arg(COUNT.min(step.entries));
        let (cursor, names) = match self.scan(place.server, &scan).await {
            // One that is away keeps what is invalid, until it expires.
            Err(error) if error.kind() == ErrorKind::Partial => (Some(START.to_owned()), Vec::new()),
            answer => answer?,
        };
        let removed = self.sweep(&names, &step).await?;
        let to = match cursor {
            Some(cursor) if cursor != START => Some(Place { cursor, ..place }),
            Some(_) if self.cluster.is_some() => {
                Some(Place { server: place.server + 1, cursor: START.to_owned(), ..place })
            }
            _ => None,
        };
        let wrapped = to.is_none();
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).stepped(to);
        Ok(Tidied { seen: names.len(), removed, wrapped, ..Tidied::default() })
    }

    /// One step on this server, and where the next one starts; nothing if there is no such server.
    pub(super) async fn scan(&self, server: usize, scan: &Cmd) -> Result<(Option<String>, Vec<String>)> {
        let answer = match &self.cluster {
            None => Some(self.link.one(Lane::Write, scan).await),
            Some(cluster) => cluster.nth(server, scan).await,
        };
        match answer {
            None => Ok((None, Vec::new())),
            Some(answer) => {
                let (cursor, names) = read_scan(&answer?)
                    .ok_or_else(|| Error::new(ErrorKind::Tier, "Redis answered a SCAN in an unknown form"))?;
                Ok((Some(cursor), names))
            }
        }
    }

    async fn sweep(&self, names: &[String], step: &Step<'_>) -> Result<usize> {
        let get = |name: &String| {
            let mut get = redis::cmd("GETRANGE");
            get.arg(name).arg(0).arg(SMALL);
            (self.slot(name), get)
        };
        let mut gone = Vec::new();
        for (name, value) in names.iter().zip(self.each(Lane::Write, names.iter().map(get).collect()).await?) {
            let value = match value {
                Ok(Value::BulkString(bytes)) if bytes.len() > SMALL => self.whole(name).await,
                value => value,
            };
            if let Ok(Value::BulkString(bytes)) = value
                && !bytes.is_empty()
            {
                let let_go = self.let_go(name, &bytes);
                if !self.stays(name, bytes, step) {
                    gone.push((self.slot(name), let_go));
                }
            }
        }
        let removed = self.each(Lane::Write, gone).await?;
        Ok(removed.into_iter().filter(|answer| matches!(answer, Ok(Value::Int(1)))).count())
    }

    /// Removes what these bytes are the beginning of, or all. A frame ends with its checksum, which tells it from one that
    /// another node stores in its place at this moment.
    fn let_go(&self, name: &str, bytes: &[u8]) -> Cmd {
        let at = bytes.len().saturating_sub(TELLING);
        let mut let_go = self.call(&self.scripts.let_go, 1);
        let_go.arg(name).arg(at).arg(&bytes[at..]);
        let_go
    }

    async fn whole(&self, name: &str) -> Result<Value> {
        let mut get = redis::cmd("GETRANGE");
        get.arg(name).arg(0).arg(self.options.max_frame);
        self.one(Lane::Write, name, &get).await
    }

    fn stays(&self, name: &str, bytes: Vec<u8>, step: &Step<'_>) -> bool {
        let Some(key) = self.names.key_of(name) else { return true };
        let bytes = Bytes::from(bytes);
        // What a newer version wrote its own nodes judge; it ends by itself.
        let Ok(stored) = Frame::read(bytes.clone()) else { return Frame::is_newer(&bytes) };
        let frame = match &self.veil {
            Some(veil) => veil.open(&stored).and_then(Frame::read),
            None => Ok(stored.clone()),
        };
        // What we cannot read may be another node's, who can.
        *stored.key() == Key::from_stored(key) && frame.map_or(true, |frame| (step.keep)(&frame))
    }
}

pub(super) fn read_scan(answer: &Value) -> Option<(String, Vec<String>)> {
    let Value::Array(parts) = answer else { return None };
    let [Value::BulkString(cursor), Value::Array(names)] = parts.as_slice() else { return None };
    // Names that are no text are not ours.
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        _ => None,
    };
    Some((String::from_utf8(cursor.clone()).ok()?, names.iter().filter_map(text).collect()))
}
