//! Several statements that take effect together, or not at all.
//!
//! Not the driver's own transactions: their beginning must not be given up half-way (sqlx#4393). These run on the tier's
//! thread, to their end or to the loss of their connection, which the server takes as a rollback.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout_at;

use super::fault::{self, Next, Trouble};
use super::line::{Done, Row, Value, Want};
use super::links::{LIMIT, Link, Links, TURNS};
use super::statements::Sized;
use crate::tier::fault::Fault;

/// Statements under way. Dropped before its end, it hangs up.
pub(super) struct Transaction<'a> {
    links: &'a Links,
    link: Link<'a>,
    /// All of it ends by then: others wait for what it has locked.
    by: Instant,
    /// Does nobody know what state the connection is in?
    lost: bool,
}

impl Links {
    /// Begins a transaction with this batch.
    pub(super) async fn begin(&self, sql: &Arc<str>) -> Result<Transaction<'_>, Trouble> {
        let link = self.take().await?;
        let mut begun = Transaction { links: self, link, by: Instant::now() + LIMIT, lost: false };
        match begun.batch(sql).await {
            Ok(()) => Ok(begun),
            Err(trouble) => Err(begun.undo(trouble).await),
        }
    }
}

impl Transaction<'_> {
    pub(super) async fn rows(&mut self, sql: &Arc<str>, values: &[Value]) -> Result<Vec<Row>, Trouble> {
        Ok(self.ask(sql, values, Want::Rows).await?.rows)
    }

    /// The only row of a statement that always finds one.
    pub(super) async fn row(&mut self, sql: &Arc<str>, values: &[Value]) -> Result<Row, Trouble> {
        Ok(self.rows(sql, values).await?.pop().ok_or(fault::MISSING)?)
    }

    pub(super) async fn change(&mut self, sql: &Arc<str>, values: &[Value]) -> Result<u64, Trouble> {
        Ok(self.ask(sql, values, Want::Change).await?.changed)
    }

    /// Runs a statement over all rows of so many values.
    pub(super) async fn each(&mut self, statement: &Sized, values: &[Value], width: usize) -> Result<(), Trouble> {
        let mut rest = values;
        while !rest.is_empty() {
            let (sql, many) = statement.most_of(rest.len() / width);
            let (now, later) = rest.split_at(many * width);
            self.change(sql, now).await?;
            rest = later;
        }
        Ok(())
    }

    /// The end: what was done takes effect, or is undone if it failed.
    pub(super) async fn end<T>(mut self, done: Result<T, Trouble>, commit: &Arc<str>) -> Result<T, Trouble> {
        let ended = match done {
            Ok(done) => self.batch(commit).await.map(|()| done),
            Err(trouble) => Err(trouble),
        };
        match ended {
            Ok(done) => {
                self.links.give_back(self.link);
                Ok(done)
            }
            Err(trouble) => Err(self.undo(trouble).await),
        }
    }

    async fn undo(mut self, trouble: Trouble) -> Trouble {
        let rollback = Arc::from(self.links.dialect().rollback());
        if !self.lost && trouble.next != Next::Another && self.batch(&rollback).await.is_ok() {
            self.links.give_back(self.link);
        }
        trouble
    }

    async fn ask(&mut self, sql: &Arc<str>, values: &[Value], want: Want) -> Result<Done, Trouble> {
        match timeout_at(self.by.into(), self.link.line.ask(sql, values, want)).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(self.silent()),
        }
    }

    async fn batch(&mut self, sql: &Arc<str>) -> Result<(), Trouble> {
        match timeout_at(self.by.into(), self.link.line.batch(sql.to_string())).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&mut self) -> Trouble {
        self.lost = true;
        fault::SILENT.into()
    }
}

/// How often a transaction was tried.
#[derive(Debug, Default)]
pub(super) struct Turns(u32);

impl Turns {
    /// Passes if the transaction is to be tried again: other nodes were in its way, and not too often.
    pub(super) fn again(&mut self, trouble: Trouble) -> Result<(), Fault> {
        self.0 += 1;
        if trouble.next == Next::Again && self.0 < TURNS { Ok(()) } else { Err(trouble.fault) }
    }
}
