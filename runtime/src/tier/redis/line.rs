//! One multiplexed connection, and several that reads are spread over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisResult, Value};
use tokio::runtime::Handle;

use super::failure::{accepted, breaks, failure, unopened};
use super::gather::Gather;
use super::link::{field, refused, text_of};
use super::options::RedisOptions;
use crate::error::{Error, ErrorKind, Result};

/// From how many calls on one connection others are used as well.
const BUSY: usize = 64;
/// From how many calls on one connection they travel together: fewer are answered sooner one by one.
const CROWD: usize = 32;
/// How long a connection may take to answer a ping.
const PING: Duration = Duration::from_millis(500);

/// One connection. What it does is driven by the runtime in which it was opened.
pub(super) struct Line {
    connection: MultiplexedConnection,
    /// None if we may not ask.
    pub(super) ident: Option<Ident>,
    waiting: AtomicUsize,
    gather: Arc<Gather>,
}

/// A connection as its server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ident {
    /// Which start of which server: with each, numbers begin anew and soon are those of other connections.
    pub(super) run: String,
    pub(super) id: i64,
}

/// Connections for reads.
pub(super) struct Fan {
    lines: Vec<Line>,
    turn: AtomicUsize,
}

impl Fan {
    pub(super) async fn open(client: &Client, options: &RedisOptions) -> Result<Self> {
        let mut lines = Vec::with_capacity(options.connections);
        for _ in 0..options.connections {
            lines.push(Line::open(client, options).await?);
        }
        Ok(Self { lines, turn: AtomicUsize::new(0) })
    }

    /// The first connection, until it is busy: few calls are answered sooner by one connection than by several.
    pub(super) fn line(&self) -> &Line {
        let first = &self.lines[0];
        if self.lines.len() == 1 || first.waiting.load(Ordering::Relaxed) < BUSY {
            return first;
        }
        &self.lines[self.turn.fetch_add(1, Ordering::Relaxed) % self.lines.len()]
    }

    pub(super) async fn ping(&self) -> Result<()> {
        for line in &self.lines {
            line.ping().await?;
        }
        Ok(())
    }

    pub(super) fn idents(&self) -> impl Iterator<Item = Ident> + '_ {
        self.lines.iter().filter_map(|line| line.ident.clone())
    }
}

impl Line {
    pub(super) async fn open(client: &Client, options: &RedisOptions) -> Result<Self> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(options.connect)).set_response_timeout(None);
        let opened = client.get_multiplexed_async_connection_with_config(&config).await;
        let line = Self {
            connection: opened.map_err(|e| unopened(&e))?,
            ident: None,
            waiting: AtomicUsize::new(0),
            gather: Arc::default(),
        };
        let mut asking = Pipeline::new();
        asking.cmd("CLIENT").arg("ID").cmd("INFO").arg("server");
        let answers = line.raw(&asking).await?;
        match refused(&answers) {
            Ok(()) => Ok(Self { ident: read_ident(&answers), ..line }),
            // Without the right to ask for it, the connection has no name to be ended by.
            Err(error) if error.context("code") == Some("NOPERM") => Ok(line),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn one(&self, command: &Cmd) -> Result<Value> {
        let _waiting = Waiting::enter(&self.waiting);
        told(self.connection.clone().send_packed_command(command).await)
    }

    /// One command from a caller in this runtime, which drives the connection; while many wait, with those of others.
    pub(super) async fn one_of_many(&self, command: &Cmd, runtime: &Handle) -> Result<Value> {
        let _waiting = Waiting::enter(&self.waiting);
        let answer = if self.waiting.load(Ordering::Relaxed) < CROWD {
            self.connection.clone().send_packed_command(command).await
        } else {
            let answer = self.gather.one(&self.connection, command.clone(), runtime).await;
            answer.ok_or_else(|| Error::new(ErrorKind::Closed, "the runtime that drives the connection has ended"))?
        };
        told(answer)
    }

    /// Is it alive? It is also when Redis refuses to say so, as to who may not ask, and while it cannot save its data.
    pub(super) async fn ping(&self) -> Result<()> {
        let ping = redis::cmd("PING");
        let answer = tokio::time::timeout(PING, self.one(&ping)).await;
        match answer {
            Err(_) => Err(Error::new(ErrorKind::Deadline, "Redis does not answer a ping")),
            Ok(Err(error)) if breaks(&error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    pub(super) async fn raw(&self, commands: &Pipeline) -> Result<Vec<Value>> {
        let _waiting = Waiting::enter(&self.waiting);
        let count = commands.len();
        self.connection.clone().send_packed_commands(commands, 0, count).await.map_err(|e| failure(&e))
    }
}

fn told(answer: RedisResult<Value>) -> Result<Value> {
    accepted(answer.map_err(|e| failure(&e))?)
}

fn read_ident(answers: &[Value]) -> Option<Ident> {
    let [Value::Int(id), server] = answers else { return None };
    Some(Ident { run: field(&text_of(server), "run_id")?.to_owned(), id: *id })
}

/// How many readers of this file make something of an answer.
#[cfg(feature = "testing")]
pub(super) fn understood(answer: &Value) -> usize {
    let Value::Array(answers) = answer else { return 0 };
    usize::from(read_ident(answers).is_some())
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
