//! The adviser at its database: what it is told, and how it asks.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _};

use super::Question;
use super::figures::Figures;
use super::plan::Plan;
use super::subject::{self, Asked};
use crate::database::Core;
use crate::database::connections::Held;
use crate::database::driver::{Address, Answer, Driver};
use crate::database::failure::{Next, judge};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Backend;

/// A question about a statement may take so long.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// How many prepared statements a connection of a pool keeps that was made elsewhere, where its address says so.
pub(in crate::database) fn room<DB: Driver>(address: &Address<DB>) -> Option<usize> {
    let url = DB::url(address);
    url.split(['?', '&']).find_map(|pair| pair.strip_prefix("statement-cache-capacity="))?.parse().ok()
}

/// From now on the adviser can ask the database for plans.
pub(in crate::database) fn attend<DB: Driver>(core: &Arc<Core<DB>>) {
    let Some(adviser) = &core.adviser else { return };
    let core = Arc::downgrade(core);
    adviser.explains_by(Box::new(move |text| {
        let (core, text) = (core.clone(), text.to_owned());
        Box::pin(async move {
            let core = core.upgrade()?;
            // One at a time: when all is slow, further questions would make it slower.
            let _turn = tokio::time::timeout(LIMIT, core.adviser.as_ref()?.asks.lock()).await.ok()?;
            explained(&core, &text).await.ok()
        })
    }));
}

/// How the database answers a statement that reads.
async fn explained<DB: Driver>(core: &Core<DB>, text: &str) -> Result<Plan> {
    let Some(asked) = Asked::read(text, DB::BACKEND) else { return Err(unread()) };
    core.look(LIMIT, false, move |connection| {
        Box::pin(async move {
            let tables =
                if DB::NEEDS_VALUES { subject::tables::<DB>(&mut *connection, &asked).await? } else { Vec::new() };
            let subject = asked.subject(&tables, DB::BACKEND);
            DB::explain(connection, &subject).await
        })
    })
    .await
}

fn unread() -> Error {
    Error::new(ErrorKind::Config, "the statement cannot be read")
}

impl<DB: Driver> Core<DB> {
    /// A call of a statement begins, if figures are taken.
    pub(in crate::database) fn question(
        &self,
        figures: Option<&Arc<Figures>>,
        at: &'static Location<'static>,
    ) -> Option<Arc<Question>> {
        Some(self.adviser.as_ref()?.question(figures?, at))
    }

    /// The same of a batch.
    pub(in crate::database) fn question_of_batch(
        &self,
        figures: Option<&Arc<Figures>>,
        at: &'static Location<'static>,
    ) -> Option<Arc<Question>> {
        Some(Arc::new(Question::of_batch(self.adviser.as_ref()?, figures?, at)))
    }

    /// Asks the database about a statement: on a connection that is made for it and ends, so that none of the pool is
    /// missing; where there can be no other, on one of the pool, which is waited for only if the caller waits too.
    pub(super) async fn look<R>(
        &self,
        limit: Duration,
        waits: bool,
        ask: impl for<'c> FnOnce(&'c mut DB::Connection) -> Answer<'c, R> + Send,
    ) -> Result<R> {
        if self.adviser.as_ref().is_some_and(|adviser| adviser.apart) {
            let address = self.readers.pool().connect_options();
            // Boxed: the driver's way to a connection is long.
            let connected = tokio::time::timeout(LIMIT, Box::pin(address.connect())).await.map_err(|_| late())?;
            let mut own = connected.map_err(|source| judge(source, DB::outage).1)?;
            let asked = tokio::time::timeout(limit, ask(&mut own)).await;
            if asked.is_ok() {
                // Told politely; if that fails it is gone all the same.
                let _ = tokio::time::timeout(LIMIT, own.close()).await;
            }
            return asked.map_err(|_| late())?.map_err(|source| judge(source, DB::outage).1);
        }
        let mut held = if waits {
            self.readers.acquire().await?
        } else {
            let idle = self.readers.pool().try_acquire();
            Held::Pooled(idle.ok_or_else(|| Error::new(ErrorKind::Busy, "all connections are at work"))?)
        };
        let asked = tokio::time::timeout(limit, ask(&mut held)).await;
        // What a server was told may not have been undone. SQLite was told nothing, and a database in memory goes with its
        // connection.
        if !matches!(asked, Ok(Ok(_))) && DB::BACKEND != Backend::Sqlite {
            held.after(Next::Another);
        }
        asked.map_err(|_| late())?.map_err(|source| judge(source, DB::outage).1)
    }
}

fn late() -> Error {
    Error::new(ErrorKind::Deadline, "the database did not say in time how it answers a statement")
}
