//! Replicas: what only reads goes there, unless it might read what they do not have yet.

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::adviser::Counted;
use super::again::Again;
use super::connections::Connections;
use super::driver::{Address, Driver, Text};
use super::groups::Groups;
use super::options::DatabaseOptions;
use super::values::Values;
use super::{Call, Core, Database, failure};
use crate::clock::millis;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Group;
use crate::key::escape;
use crate::seldom::Seldom;
use crate::statement::{Kind, Statement, Tables};
use crate::tier::Breaker;

/// A replica gets so long for a connection, if the database gets more: there is a primary to be asked.
const PATIENCE: Duration = Duration::from_millis(250);

/// The replicas of one database.
pub(super) struct Replicas<DB: Driver> {
    servers: Vec<Replica<DB>>,
    next: AtomicUsize,
    name: Box<str>,
    pub(super) again: Arc<Again>,
    pub(super) counts: Counts,
}

struct Replica<DB: Driver> {
    connections: Connections<DB>,
    breaker: Breaker,
    read_deadline: Option<Duration>,
    /// Which of those that the options name, from 1.
    number: usize,
    /// When it was said that it does not answer.
    said: Seldom,
}

/// What became of reads.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) answered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) withheld: AtomicU64,
}

/// Where replicas are. Shows how many, and no passwords.
#[derive(Clone, Default)]
pub(super) struct Urls(pub(super) Vec<Box<str>>);

impl<DB: Driver> Replicas<DB> {
    /// Those that the options name, if they name any. Nothing is connected yet.
    pub(super) fn open(options: &DatabaseOptions) -> Result<Option<Self>> {
        if options.replicas.0.is_empty() {
            return Ok(None);
        }
        let patient = options.clone().acquire_deadline(options.acquire_deadline.min(PATIENCE)).overflow(0);
        let server = |number: usize, url: &str| {
            let address = Address::<DB>::from_str(url).map_err(|source| {
                Error::config("replica", "this is no URL of such a database").because(failure::hidden(source))
            })?;
            if DB::is_alone(&address) {
                return Err(Error::config("replica", "a database in memory is nobody's replica"));
            }
            let connections = Connections::new(DB::pools(address, &patient).readers, &patient);
            let breaker = Breaker::new(options.breaker, options.clock.clone());
            let (read_deadline, said) = (options.read_deadline, Seldom::default());
            Ok(Replica { connections, breaker, read_deadline, number, said })
        };
        let servers =
            (1..).zip(&options.replicas.0).map(|(number, url)| server(number, url)).collect::<Result<Vec<_>>>()?;
        let all = Groups::new(&options.name).written(&Tables::Any).pop().unwrap_or(Group::Tagged);
        let again = Again::new(options.clock.clone(), millis(options.max_replica_lag), all);
        Ok(Some(Self {
            servers,
            next: AtomicUsize::new(0),
            name: escape(&options.name).into(),
            again: Arc::new(again),
            counts: Counts::default(),
        }))
    }

    /// What a write names besides, so that all nodes know which tables it wrote, whatever else it invalidates. No entry
    /// carries these: an escaped name holds no `>`.
    fn written(&self, tables: &Tables) -> Vec<Group> {
        let tag = |table: &str| Group::Tag(format!("sql:{}:>{table}", self.name).into());
        match tables {
            Tables::Named(names) if names.is_empty() => Vec::new(),
            Tables::Named(names) => names.iter().map(|name| tag(&escape(name))).chain([tag("")]).collect(),
            Tables::Any => vec![tag("*"), tag("")],
        }
    }

    /// What names the writes that a read of these tables might miss.
    fn read(&self, tables: &Tables, groups: &Groups) -> Vec<String> {
        let tag = |table: &str| format!("sql:{}:>{table}", self.name);
        // And the tags of entries: of those tell nodes that know of no replicas, and other libraries.
        let mut tags = groups.read(tables);
        match tables {
            Tables::Named(names) => tags.extend(names.iter().map(|name| tag(&escape(name))).chain([tag("*")])),
            Tables::Any => tags.push(tag("")),
        }
        tags
    }

    /// All of them, each time beginning with another.
    fn in_turn(&self) -> impl Iterator<Item = &Replica<DB>> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len().max(1);
        self.servers.iter().skip(first).chain(self.servers.iter().take(first))
    }
}

impl<DB: Driver> Core<DB> {
    /// What becomes untrue when these tables are written, as replicas have it.
    pub(super) fn told_for_replicas(&self, tables: &Tables) -> Vec<Group> {
        self.replicas.as_ref().map_or_else(Vec::new, |replicas| replicas.written(tables))
    }

    /// Where invalidations are told once more.
    pub(super) fn again(&self) -> Option<Arc<Again>> {
        self.replicas.as_ref().map(|replicas| Arc::clone(&replicas.again))
    }
}

impl<DB: Driver> Database<DB> {
    /// The answer of a replica, if there is one that may be asked, and that answers. All else is for the primary.
    pub(super) async fn read_replica<'q, R>(
        &self,
        statement: &Statement,
        text: &Text,
        values: &impl Values<'q, DB>,
        call: Call<DB, R>,
    ) -> Option<Result<R>>
    where
        R: Counted + Send + 'static,
    {
        let core = &*self.core;
        let replicas = core.replicas.as_ref()?;
        if statement.kind() != Kind::Select || statement.acts() {
            return None;
        }
        if !replicas.again.is_quiet(&core.caches(), || replicas.read(statement.reads(), &core.groups)) {
            replicas.counts.withheld.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        for replica in replicas.in_turn() {
            let values = match values.arguments() {
                Ok(values) => values,
                Err(error) => return Some(Err(error)),
            };
            match replica.ask(call, text.clone(), values).await {
                Ok(answer) => {
                    replicas.counts.answered.fetch_add(1, Ordering::Relaxed);
                    return Some(Ok(answer));
                }
                // Left alone for now: another may answer.
                Err(error) if error.kind() == ErrorKind::Open => {}
                // It may lack what the primary has, or have given up for its replication's sake: the primary decides.
                Err(_) => break,
            }
        }
        replicas.counts.failed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl<DB: Driver> Replica<DB> {
    async fn ask<R: Counted>(&self, call: Call<DB, R>, text: Text, values: DB::Arguments) -> Result<R> {
        let asked = self.breaker.run(async {
            let acquire = tokio::time::timeout(PATIENCE, self.connections.acquire()).await;
            let away = |_| Error::new(ErrorKind::Connection, "the replica cannot be reached in time");
            let mut held = acquire.map_err(away)??;
            held.ask_in_time(self.read_deadline, call, text, values).await.map_err(|(next, error)| {
                held.after(next);
                error
            })
        });
        asked.await.inspect_err(|error| self.failed(error))
    }

    /// Logs what keeps it from answering, at most once a minute. Nothing of what it said: that could name what
    /// was asked.
    fn failed(&self, error: &Error) {
        if error.kind() == ErrorKind::Connection && self.said.may(Duration::from_secs(60)) {
            let (replica, code) = (self.number, error.context("code"));
            tracing::warn!(replica, code, reason = error.message(), "a replica does not answer: the primary is asked");
        }
    }
}

impl fmt::Debug for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} replicas", self.0.len())
    }
}
