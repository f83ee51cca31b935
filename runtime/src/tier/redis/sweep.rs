//! Giving memory back: frames that the log has invalidated are looked for in small steps and unlinked.
//!
//! The log makes an invalidation valid at once; nobody waits for a sweep, and a sweep that finds nothing, or never ends,
//! leaves nothing wrong. Only who invalidated something sweeps.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redis::{Pipeline, Value};

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
/// More patterns than these are swept as one.
const MOST: usize = 32;
/// So long after one sweep of a beginning the next of it may start.
const PAUSE: Duration = Duration::from_secs(5);

/// What is to be swept: all keys that begin like this.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    waiting: Vec<String>,
    now: Option<(String, String)>,
    ended: Option<Instant>,
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
    fn next(&mut self) -> Option<(String, String)> {
        if self.now.is_none() && self.ended.is_none_or(|at| at.elapsed() > PAUSE) {
            self.now = self.waiting.pop().map(|beginning| (beginning, "0".to_owned()));
        }
        self.now.clone()
    }

    fn stepped(&mut self, beginning: &str, cursor: &str) {
        if cursor == "0" {
            self.now = None;
            self.ended = Some(Instant::now());
        } else {
            self.now = Some((beginning.to_owned(), cursor.to_owned()));
        }
    }
}

impl Room {
    pub(super) async fn tidy(&self, step: Step<'_>) -> Result<Tidied> {
        let next = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).next();
        // Redis lets go of what expires by itself.
        let Some((beginning, cursor)) = next else { return Ok(Tidied { wrapped: true, ..Tidied::default() }) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(&cursor).arg("MATCH").arg(self.names.glob(&beginning)).arg("COUNT").arg(COUNT.min(step.entries));
        let answer = self.link.one(Lane::Write, &scan).await?;
        let (cursor, names) = read_scan(&answer)
            .ok_or_else(|| Error::new(ErrorKind::Tier, "Redis answered a SCAN in an unknown form"))?;
        let removed = self.sweep(&names, &step).await?;
        let seen = names.len();
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).stepped(&beginning, &cursor);
        Ok(Tidied { seen, removed, wrapped: cursor == "0", ..Tidied::default() })
    }

    async fn sweep(&self, names: &[String], step: &Step<'_>) -> Result<usize> {
        if names.is_empty() {
            return Ok(0);
        }
        let mut gets = Pipeline::with_capacity(names.len());
        for name in names {
            gets.cmd("GETRANGE").arg(name).arg(0).arg(SMALL);
        }
        let mut gone = Vec::new();
        for (name, value) in names.iter().zip(self.link.many(Lane::Write, &gets).await?) {
            let value = match value {
                Value::BulkString(bytes) if bytes.len() > SMALL => self.whole(name).await?,
                value => value,
            };
            if let Value::BulkString(bytes) = value
                && !bytes.is_empty()
                && !self.stays(name, bytes, step)
            {
                gone.push(name);
            }
        }
        if !gone.is_empty() {
            self.link.one(Lane::Write, redis::cmd("UNLINK").arg(&gone)).await?;
        }
        Ok(gone.len())
    }

    async fn whole(&self, name: &str) -> Result<Value> {
        self.link.one(Lane::Write, redis::cmd("GETRANGE").arg(name).arg(0).arg(self.options.max_frame)).await
    }

    fn stays(&self, name: &str, bytes: Vec<u8>, step: &Step<'_>) -> bool {
        let Some(key) = self.names.key_of(name) else { return true };
        let bytes = Bytes::from(bytes);
        match Frame::read(bytes.clone()) {
            Ok(frame) => *frame.key() == Key::from_stored(key) && (step.keep)(&frame),
            // What a newer version wrote its own nodes judge; it ends by itself.
            Err(_) => Frame::is_newer(&bytes),
        }
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
