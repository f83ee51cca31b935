//! Tables that nodes share together with the log of their invalidations, for those who run no Redis.
//!
//! Every step that writes to the log, or stores frames beside it, is one transaction over a lock of the log's head. What
//! is read, is read by single statements.

mod append;
mod bell;
mod lease;
mod log;
mod put;
mod schema;
mod session;
mod statements;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

use self::append::Batch;
use self::put::Loaded;
use self::session::Session;
use self::statements::LogStatements;
use super::{Server, Terms};
use crate::chance::Chance;
use crate::codec::Frame;
use crate::error::Result;
use crate::group::{Cursor, Group, Record};
use crate::key::Key;
use crate::tier::shared::{Echo, Held, Memory};
use crate::tier::{Note, Recall, Reply, Step, Tidied, Tier};

/// A tier on a server, with the log that nodes share. It is opened and looked after by the cache that it was given to.
#[derive(Clone)]
pub(crate) struct SharedSql(Arc<Hall>);

struct Hall {
    server: Server,
    sql: Arc<LogStatements>,
    session: RwLock<Option<Session>>,
    chance: Chance,
    /// This process, among those that write to the log.
    node: u64,
    echo: Echo,
    /// The epoch that this node goes by.
    epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
    memory: Memory,
    held: Held,
}

impl SharedSql {
    /// The tier, without a connection yet. `echo` is told where one's own records are; `epoch` says which epoch is met.
    pub(in crate::tier::sql) fn new(terms: Terms, echo: Echo, epoch: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        let chance = Chance::unknown();
        Self(Arc::new(Hall {
            sql: Arc::new(LogStatements::new(terms.address.dialect(), &terms.tables)),
            server: Server::closed(terms, true),
            session: RwLock::default(),
            node: chance.next(),
            chance,
            echo,
            epoch,
            memory: Memory::default(),
            held: Held::default(),
        }))
    }
}

impl Hall {
    async fn put(&self, frames: &[Frame]) -> Result<()> {
        let with_lease = |frame: &Frame| Loaded { frame: frame.clone(), token: self.held.token(frame.key()) };
        let loaded: Vec<Loaded> = frames.iter().map(with_lease).collect();
        let sql = Arc::clone(&self.sql);
        self.server.with(|store| async move { sql.put(&store, &loaded).await }).await?;
        // What was stored under a lease gave it back.
        frames.iter().for_each(|frame| self.held.forget(frame.key()));
        Ok(())
    }

    /// Appends these to the shared log, together with the removal of their keys.
    async fn append(&self, records: &[Record]) -> Result<()> {
        let groups: Vec<Group> = records.iter().map(|record| record.group.clone()).collect();
        // As the database keeps it, and never 0, which stands for none.
        let nonce = self.chance.next() | 1;
        let batch = Batch { epoch: (self.epoch)(), node: self.node, nonce, groups: groups.clone() };
        let sql = Arc::clone(&self.sql);
        let position = self.server.with(|store| async move { sql.append(&store, &batch).await }).await?;
        self.memory.add(&groups);
        (self.echo)(&groups, Cursor { position, nonce });
        Ok(())
    }

    async fn tidy(&self, step: Step<'_>) -> Result<Tidied> {
        // The log forgets by itself.
        let tidied = self.server.tidy_step(Step { forget: None, ..step }).await?;
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
        self.0.server.get(keys)
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, ()> {
        Box::pin(self.0.put(frames))
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(self.0.append(records))
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        self.0.server.remove(keys)
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
