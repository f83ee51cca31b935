//! L2: frames in Redis, and the log of invalidations that all nodes share.

mod ages;
mod append;
mod cluster;
mod entry;
mod failure;
mod gather;
mod homes;
mod lease;
mod line;
mod link;
mod log;
mod names;
mod options;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod replies;
mod route;
mod script;
mod slots;
mod sweep;
mod target;
mod tls;

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use redis::{Cmd, Script, Value};

use self::ages::Ages;
use self::cluster::Cluster;
use self::link::{Lane, Link};
use self::names::RedisNames;
use self::script::Scripts;
use self::sweep::Sweeps;
use self::target::Target;
use super::forgetful::remembers_nothing;
use super::notice::Notice;
use super::shared::{Echo, Held, Memory};
use super::{Reply, Step, Tidied, Tier};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::codec::{Frame, Veil};
use crate::error::{ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;
use crate::ticker;

pub use options::RedisOptions;

/// How many keys are asked for in one round trip.
const CHUNK: usize = 256;
/// Room for what stands in a read besides the name.
const NUMBERS: usize = 32;

/// A tier in Redis or Valkey, with the shared log.
///
/// A read is one `GETRANGE`, bounded in length; what is stored carries its own life, so no second question is asked.
/// Frames are stored by a script that refuses them if their key was invalidated after their load began. The tier is
/// opened and looked after by the cache that it was given to.
#[derive(Clone)]
pub(crate) struct Redis(Arc<Room>);

struct Room {
    options: RedisOptions,
    /// To the one server there is; of a cluster, to the one that has the log.
    link: Link,
    cluster: Option<Arc<Cluster>>,
    names: RedisNames,
    scripts: Scripts,
    /// What hides keys and tags from the server, if they are secret.
    veil: Option<Arc<Veil>>,
    clock: Clock,
    chance: Chance,
    notice: Notice,
    /// This process, among those that write to the log.
    node: u64,
    echo: Echo,
    /// The epoch that this node goes by.
    epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
    memory: Memory,
    ages: Mutex<Ages>,
    sweeps: Mutex<Sweeps>,
    held: Held,
    /// How many entries of the log are asked for at once.
    entries: AtomicUsize,
}

impl Redis {
    /// The tier, without a connection yet. `echo` is told where one's own records are; `epoch` says which epoch is met.
    pub(crate) fn new(
        options: RedisOptions,
        clock: Clock,
        veil: Option<Arc<Veil>>,
        echo: Echo,
        epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        let chance = Chance::unknown();
        let names = RedisNames::new(&options.prefix, veil.clone());
        let cluster = match &options.target {
            Target::Cluster(seeds) => Some(Cluster::new(options.clone(), seeds.clone(), names.meta.clone())),
            Target::One(_) | Target::Sentinels { .. } => None,
        };
        Self(Arc::new(Room {
            link: Link::new(options.clone()),
            cluster,
            names,
            scripts: Scripts::new(),
            veil,
            notice: Notice::new("redis", clock.clone()),
            clock,
            node: chance.next(),
            chance,
            echo,
            epoch,
            memory: Memory::default(),
            ages: Mutex::new(Ages::new(options.fence)),
            sweeps: Mutex::default(),
            held: Held::default(),
            entries: AtomicUsize::new(log::ENTRIES),
            options,
        }))
    }
}

impl Room {
    /// A call of a script that was loaded when the connection was opened.
    fn call(&self, script: &Script, keys: usize) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(script.get_hash()).arg(keys);
        call
    }

    fn get_command(&self, key: &Key) -> Cmd {
        let name = self.names.value(key);
        let mut get = Cmd::with_capacity(4, name.len() + NUMBERS);
        // One byte more than allowed tells that there is too much.
        get.arg("GETRANGE").arg(name).arg(0).arg(self.options.max_frame);
        get
    }

    async fn get_one(&self, key: &Key) -> Result<Vec<Option<Bytes>>> {
        let answer = match &self.cluster {
            None => self.link.one(Lane::Read, &self.get_command(key)).await,
            Some(_) => self.one(Lane::Read, &self.names.value(key), &self.get_command(key)).await,
        };
        Ok(vec![self.found(answer)?])
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
        let mut found = Vec::with_capacity(keys.len());
        let mut away = None;
        for chunk in keys.chunks(CHUNK) {
            let gets = chunk.iter().map(|key| (self.slot(&self.names.value(key)), self.get_command(key))).collect();
            for answer in self.each(Lane::Read, gets).await? {
                found.push(match self.found(answer) {
                    Err(error) if error.kind() == ErrorKind::Partial => {
                        away = Some(error);
                        None
                    }
                    answer => answer?,
                });
            }
        }
        // What the others have is told; where nobody has anything, why.
        match away {
            Some(error) if found.iter().all(Option::is_none) => Err(error),
            _ => Ok(found),
        }
    }

    fn found(&self, answer: Result<Value>) -> Result<Option<Bytes>> {
        match answer {
            Err(error) if error.context("code") == Some("WRONGTYPE") => Ok(Some(Bytes::new())),
            answer => answer.map(|value| self.frame_of(value)),
        }
    }

    /// What is no frame, because it is too large or of another type, is handed on as bytes that nobody can read: the
    /// shelf above counts it and has it removed.
    fn frame_of(&self, value: Value) -> Option<Bytes> {
        match value {
            Value::BulkString(bytes) if bytes.is_empty() => None,
            Value::BulkString(bytes) if bytes.len() > self.options.max_frame => Some(Bytes::new()),
            Value::BulkString(bytes) => Some(self.plain(bytes.into())),
            _ => None,
        }
    }

    /// The bytes of a frame as they were before its names were hidden.
    fn plain(&self, stored: Bytes) -> Bytes {
        match &self.veil {
            Some(veil) => veil.unwrapped(stored),
            None => stored,
        }
    }

    /// Answers the places of those that are not stored.
    async fn put(&self, frames: &[Frame]) -> Result<Vec<usize>> {
        let young = self.ages.lock().unwrap_or_else(PoisonError::into_inner).young(ticker::exact());
        let now = self.clock.now();
        let (mut puts, mut places, mut left_out) = (Vec::with_capacity(frames.len()), Vec::new(), Vec::new());
        for (place, frame) in frames.iter().enumerate() {
            let head = frame.head();
            let life = head.stale_until.saturating_sub(now);
            // A load that took longer than fences surely stand may have missed one.
            if !young.includes(head.shared) || life == 0 {
                left_out.push(place);
                continue;
            }
            let hidden = self.veil.as_ref().map(|veil| veil.wrap(frame)).transpose()?;
            let bytes = hidden.as_ref().unwrap_or(frame).bytes();
            if bytes.len() > self.options.max_frame {
                left_out.push(place);
                continue;
            }
            places.push(place);
            puts.push(self.put_command(frame, bytes, life));
        }
        let answers = self.each(Lane::Write, puts).await?;
        let refused = places.into_iter().zip(&answers).filter(|(_, answer)| !matches!(answer, Ok(Value::Int(1))));
        left_out.extend(refused.map(|(place, _)| place));
        in_whole(answers)?;
        // What was stored under a lease gave it back.
        frames.iter().for_each(|frame| self.held.forget(frame.key()));
        Ok(left_out)
    }

    /// Stores these bytes for the frame.
    fn put_command(&self, frame: &Frame, bytes: &[u8], life: u64) -> (u16, Cmd) {
        let (head, name) = (frame.head(), self.names.value(frame.key()));
        let mut put = self.call(&self.scripts.put, 3);
        put.arg(&name).arg(self.names.fence(frame.key()));
        put.arg(self.names.lease(frame.key()));
        put.arg(bytes).arg(life).arg(head.shared.epoch).arg(head.shared.number).arg(self.fence());
        match self.held.token(frame.key()) {
            Some(token) => put.arg(token),
            None => put.arg(""),
        };
        (self.slot(&name), put)
    }

    /// How long a fence stands, in milliseconds.
    fn fence(&self) -> u64 {
        u64::try_from(self.options.fence.as_millis()).unwrap_or(u64::MAX)
    }
}

/// None of these may have failed, except with a part of the cluster that is away: a frame that it does not take is loaded
/// again when it is asked for.
fn in_whole(answers: Vec<Result<Value>>) -> Result<()> {
    let failed = answers.into_iter().filter_map(Result::err).find(|error| error.kind() != ErrorKind::Partial);
    failed.map_or(Ok(()), Err)
}

impl Tier for Redis {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        // Each in a box of its size: most reads are of one key.
        match keys {
            [key] => Box::pin(self.0.get_one(key)),
            _ => Box::pin(self.0.get_many(keys)),
        }
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(self.0.put(frames))
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(self.0.append(records))
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(self.0.remove(keys))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.0.tidy(step))
    }

    remembers_nothing!();

    fn close(&self) -> Reply<'_, ()> {
        self.0.admit(false);
        if let Some(cluster) = &self.0.cluster {
            cluster.close();
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redis")
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("options", &self.0.options).field("link", &self.0.link).finish_non_exhaustive()
    }
}
