//! L2: frames in Redis, and the log of invalidations that all nodes share.

mod failure;
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
mod script;
mod sweep;
mod target;

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Pipeline, Script, Value};

use self::failure::failure;
use self::lease::Held;
use self::link::{Lane, Link, refused};
use self::log::{Ages, Memory};
use self::names::RedisNames;
use self::script::Scripts;
use self::sweep::Sweeps;
use super::shared::Echo;
use super::{Note, Recall, Reply, Step, Tidied, Tier};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Cursor, Group, Position, Record};
use crate::key::Key;

pub use options::RedisOptions;

/// How many keys are asked for in one round trip.
const CHUNK: usize = 256;
/// Room for what stands in a read besides the name.
const NUMBERS: usize = 32;
/// The largest part of the log's numbers in Redis, which counts in floating point.
const NONCE: u64 = (1 << 52) - 1;

/// A tier in Redis or Valkey, with the shared log.
///
/// A read is one `GETRANGE`, bounded in length; what is stored carries its own life, so no second question is asked.
/// Frames are stored by a script that refuses them if their key was invalidated after their load began. The tier is
/// opened and looked after by the cache that it was given to.
#[derive(Clone)]
pub(crate) struct Redis(Arc<Room>);

struct Room {
    options: RedisOptions,
    link: Link,
    names: RedisNames,
    scripts: Scripts,
    clock: Clock,
    chance: Chance,
    /// This process, among those that write to the log.
    node: u64,
    echo: Echo,
    /// The epoch that this node goes by.
    epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
    memory: Mutex<Memory>,
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
        echo: Echo,
        epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        let chance = Chance::unknown();
        Self(Arc::new(Room {
            link: Link::new(options.clone()),
            names: RedisNames::new(&options.prefix),
            scripts: Scripts::new(),
            clock,
            node: chance.next(),
            chance,
            echo,
            epoch,
            memory: Mutex::default(),
            ages: Mutex::default(),
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
        match self.link.one(Lane::Read, &self.get_command(key)).await {
            Ok(value) => Ok(vec![self.frame_of(value)]),
            Err(error) if error.context("code") == Some("WRONGTYPE") => Ok(vec![Some(Bytes::new())]),
            Err(error) => Err(error),
        }
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(CHUNK) {
            let mut gets = Pipeline::with_capacity(chunk.len());
            for key in chunk {
                gets.add_command(self.get_command(key));
            }
            for answer in self.link.many(Lane::Read, &gets).await? {
                found.push(match answer {
                    Value::ServerError(error) if error.code() == "WRONGTYPE" => Some(Bytes::new()),
                    Value::ServerError(error) => return Err(failure(&error.into())),
                    value => self.frame_of(value),
                });
            }
        }
        Ok(found)
    }

    /// What is no frame, because it is too large or of another type, is handed on as bytes that nobody can read: the
    /// shelf above counts it and has it removed.
    fn frame_of(&self, value: Value) -> Option<Bytes> {
        match value {
            Value::BulkString(bytes) if bytes.is_empty() => None,
            Value::BulkString(bytes) if bytes.len() > self.options.max_frame => Some(Bytes::new()),
            Value::BulkString(bytes) => Some(bytes.into()),
            _ => None,
        }
    }

    async fn put(&self, frames: &[Frame]) -> Result<()> {
        let floor = self.ages.lock().unwrap_or_else(PoisonError::into_inner).before(self.options.fence / 2);
        let now = self.clock.now();
        let mut puts = Pipeline::with_capacity(frames.len());
        for frame in frames {
            let head = frame.head();
            let life = head.stale_until.saturating_sub(now);
            // A load that took longer than fences surely stand may have missed one.
            let slow = floor.is_some_and(|f| f.epoch == head.shared.epoch && head.shared.number < f.number);
            if slow || life == 0 || frame.bytes().len() > self.options.max_frame {
                continue;
            }
            let mut put = self.call(&self.scripts.put, 3);
            put.arg(self.names.value(frame.key())).arg(self.names.fence(frame.key()));
            put.arg(self.names.lease(frame.key()));
            put.arg(&frame.bytes()[..]).arg(life).arg(head.shared.epoch).arg(head.shared.number).arg(self.fence());
            match self.held.token(frame.key()) {
                Some(token) => put.arg(token),
                None => put.arg(""),
            };
            puts.add_command(put);
        }
        if puts.is_empty() {
            return Ok(());
        }
        self.done(&puts).await?;
        // What was stored under a lease gave it back.
        frames.iter().for_each(|frame| self.held.forget(frame.key()));
        Ok(())
    }

    /// How long a fence stands, in milliseconds.
    fn fence(&self) -> u64 {
        u64::try_from(self.options.fence.as_millis()).unwrap_or(u64::MAX)
    }

    /// Commands none of which may fail.
    async fn done(&self, commands: &Pipeline) -> Result<()> {
        refused(&self.link.many(Lane::Write, commands).await?)
    }

    /// Appends these to the shared log, after their keys were removed and fenced.
    async fn append(&self, records: &[Record]) -> Result<()> {
        let groups: Vec<Group> = records.iter().map(|record| record.group.clone()).collect();
        let epoch = (self.epoch)();
        let nonce = self.chance.next() & NONCE;
        let keys = || groups.iter().filter_map(key_of);
        let mut append = self.call(&self.scripts.append, 3 + 2 * keys().count());
        append.arg(&self.names.meta).arg(&self.names.stream).arg(&self.names.groups);
        for key in keys() {
            append.arg(self.names.value(key)).arg(self.names.fence(key));
        }
        append.arg(epoch).arg(self.node).arg(nonce).arg(self.options.log_length).arg(self.options.remembered);
        append.arg(self.fence());
        for group in &groups {
            append.arg(group.to_text());
        }
        let answer = match self.link.one(Lane::Write, &append).await {
            Err(error) if matches!(error.context("code"), Some("OOM" | "NOPERM")) => {
                self.spoil(keys()).await;
                return Err(error);
            }
            answer => answer?,
        };
        let number =
            number_of(&answer).ok_or_else(|| Error::new(ErrorKind::Tier, "Redis did not say where the record is"))?;
        log::memory(&self.memory).add(&groups);
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).add(&groups);
        (self.echo)(&groups, Cursor { position: Position { epoch, number }, nonce });
        Ok(())
    }

    /// Redis takes no record, but it still removes: without its epoch the log says to every node that it is not to be
    /// relied on. What could not be appended stays with the caller.
    async fn spoil(&self, keys: impl Iterator<Item = &Key>) {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(&self.names.meta);
        for key in keys {
            unlink.arg(self.names.value(key));
        }
        if let Err(error) = self.link.one(Lane::Write, &unlink).await {
            tracing::warn!(kind = error.kind().word(), "Redis takes neither records nor removals");
        }
    }

    async fn remove(&self, keys: &[Key]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut unlink = redis::cmd("UNLINK");
        for key in keys {
            unlink.arg(self.names.value(key));
        }
        self.link.one(Lane::Write, &unlink).await.map(drop)
    }
}

fn key_of(group: &Group) -> Option<&Key> {
    match group {
        Group::Key(key) => Some(key),
        _ => None,
    }
}

fn number_of(answer: &Value) -> Option<u64> {
    match answer {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        _ => None,
    }
}

impl Tier for Redis {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        // Each in a box of its size: most reads are of one key.
        match keys {
            [key] => Box::pin(self.0.get_one(key)),
            _ => Box::pin(self.0.get_many(keys)),
        }
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, ()> {
        Box::pin(self.0.put(frames))
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(self.0.append(records))
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(self.0.remove(keys))
    }

    /// Others share it: what one node has to remember is not kept here.
    fn note<'a>(&'a self, _: &'a Note) -> Reply<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The log is met by who follows it.
    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(std::future::ready(Ok(Recall::default())))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.0.tidy(step))
    }

    /// What it was not told is in the journal of the node that did not tell it.
    fn trust(&self, _: bool) {}

    fn close(&self) -> Reply<'_, ()> {
        self.0.link.admit(false);
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

/// How long appending may take; those who wait for it are told `Queued` earlier.
pub(crate) const APPEND: Duration = Duration::from_secs(2);
