//! Tables that nodes share together with the log of their invalidations, for those who run no Redis.
//!
//! Every step that writes to the log, or stores frames beside it, is one transaction over a lock of the log's head. What
//! is read, is read by single statements.

mod append;
mod bell;
mod lease;
mod log;
mod names;
mod put;
mod schema;
mod session;
mod statements;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

use self::append::Batch;
use self::names::LogNames;
use self::put::Loaded;
use self::session::Session;
use self::statements::LogStatements;
use super::{Server, Terms};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::codec::{Frame, Veil};
use crate::error::Result;
use crate::group::{Cursor, Group, Record};
use crate::key::Key;
use crate::tier::forgetful::remembers_nothing;
use crate::tier::lag::Lags;
use crate::tier::shared::{Echo, Held, Memory};
use crate::tier::veiled::stays;
use crate::tier::{Cleared, Reply, Step, Tidied, Tier, TierState};

/// A tier on a server, with the log that nodes share. It is opened and looked after by the cache that it was given to.
#[derive(Clone)]
pub(crate) struct SharedSql(Arc<Hall>);

struct Hall {
    server: Server,
    sql: Arc<LogStatements>,
    names: Arc<LogNames>,
    session: RwLock<Option<Session>>,
    chance: Chance,
    /// This process, among those that write to the log.
    node: u64,
    echo: Echo,
    /// The epoch that this node goes by.
    epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
    memory: Memory,
    held: Held,
    lags: Arc<Lags>,
}

impl SharedSql {
    /// The tier, without a connection yet. `veil` hides keys and tags from the server, if they are secret; `echo` is told
    /// where one's own records are; `epoch` says which epoch is met; `lags` is told how far this node is behind.
    pub(in crate::tier::sql) fn new(
        terms: Terms,
        clock: Clock,
        veil: Option<Arc<Veil>>,
        (echo, epoch, lags): (Echo, Arc<dyn Fn() -> u64 + Send + Sync>, Arc<Lags>),
    ) -> Self {
        let chance = Chance::unknown();
        let dialect = terms.address.dialect();
        Self(Arc::new(Hall {
            sql: Arc::new(LogStatements::new(dialect, &terms.tables)),
            names: Arc::new(LogNames::new(veil, dialect.word(), clock)),
            server: Server::closed(terms, true),
            session: RwLock::default(),
            node: chance.next(),
            chance,
            echo,
            epoch,
            memory: Memory::default(),
            held: Held::default(),
            lags,
        }))
    }
}

impl Hall {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
        let stored: Vec<Key> = keys.iter().map(|key| self.names.stored(key).into_owned()).collect();
        let found = self.server.get(&stored).await?;
        Ok(found.into_iter().map(|bytes| bytes.and_then(|bytes| self.names.plain(bytes))).collect())
    }

    /// A frame on its way to the server.
    fn loaded(&self, frame: &Frame) -> Result<Loaded> {
        let (key, fence) = (frame.key(), self.names.text(&Group::Key(frame.key().clone())));
        Ok(Loaded { frame: self.names.wrapped(frame)?, fence, token: self.held.token(key) })
    }

    /// Answers the places of those that are not stored.
    async fn put(&self, frames: &[Frame]) -> Result<Vec<usize>> {
        let loaded = frames.iter().map(|frame| self.loaded(frame)).collect::<Result<Vec<_>>>()?;
        let sql = Arc::clone(&self.sql);
        let refused = self.server.with(|store| async move { sql.put(&store, &loaded).await }).await?;
        // What was stored under a lease gave it back.
        frames.iter().for_each(|frame| self.held.forget(frame.key()));
        if refused.is_empty() {
            return Ok(Vec::new());
        }
        let is_refused = |frame: &Frame| refused.contains(&*self.names.stored(frame.key()));
        Ok((0..).zip(frames).filter(|(_, frame)| is_refused(frame)).map(|(place, _)| place).collect())
    }

    /// Appends these to the shared log, together with the removal of their keys.
    async fn append(&self, records: &[Record]) -> Result<()> {
        let groups: Vec<Group> = records.iter().map(|record| record.group.clone()).collect();
        // As the database keeps it, and never 0, which stands for none.
        let nonce = self.chance.next() | 1;
        let batch = self.batch(&groups, nonce);
        let sql = Arc::clone(&self.sql);
        let position = self.server.with(|store| async move { sql.append(&store, &batch).await }).await?;
        self.memory.add(&groups);
        (self.echo)(&groups, Cursor { position, nonce });
        Ok(())
    }

    fn batch(&self, groups: &[Group], nonce: u64) -> Batch {
        let names = &*self.names;
        let frame = |group: &Group| match group {
            Group::Key(key) => Some(names.stored(key).as_str().to_owned()),
            _ => None,
        };
        Batch {
            epoch: (self.epoch)(),
            node: self.node,
            nonce,
            whose: names.whose(),
            texts: groups.iter().map(|group| names.text(group)).collect(),
            frames: groups.iter().filter_map(frame).collect(),
        }
    }

    async fn remove(&self, keys: &[Key]) -> Result<()> {
        let stored: Vec<Key> = keys.iter().map(|key| self.names.stored(key).into_owned()).collect();
        self.server.remove(&stored).await
    }

    async fn tidy(&self, step: Step<'_>) -> Result<Tidied> {
        let veil = self.names.veil();
        let keep = |stored: &Frame| veil.map_or_else(|| (step.keep)(stored), |veil| stays(veil, stored, &step, true));
        // The log forgets by itself.
        let tidied = self.server.tidy_step(Step { keep: &keep, forget: None, ..step }).await?;
        if tidied.wrapped {
            let sql = Arc::clone(&self.sql);
            self.server.with(|store| async move { store.links.change(&sql.lapse, &[]).await.map(drop) }).await?;
        }
        Ok(tidied)
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        // While there is still a thread to take leave on.
        self.end_session();
    }
}

impl Tier for SharedSql {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        match self.0.names.veil() {
            Some(_) => Box::pin(self.0.get(keys)),
            None => self.0.server.get(keys),
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

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        self.0.server.clear(after, most)
    }

    fn state(&self) -> Reply<'_, TierState> {
        self.0.server.state()
    }

    remembers_nothing!();

    fn close(&self) -> Reply<'_, ()> {
        self.0.end_session();
        self.0.server.close()
    }
}

impl fmt::Display for SharedSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.server, f)
    }
}

impl fmt::Debug for SharedSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedSql").field(&self.0.server).finish()
    }
}
