//! Connections: how one is got, for how long that is tried, and what there is beyond the pool.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{ConnectOptions, Connection, Pool};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::Call;
use super::adviser::{Counted, Timing};
use super::driver::{Driver, Text};
use super::failure::{Next, is_locked, judge};
use super::options::DatabaseOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Backend;

/// How long it is tried to find out why no connection was to be had.
const QUESTION: Duration = Duration::from_secs(1);
/// What was found out holds for so long.
const ANSWER: Duration = Duration::from_secs(1);

/// After a file was found locked it is tried again after this.
const LOCKED: Duration = Duration::from_millis(5);
/// So often a connection may be cut while it is opened.
const CUTS: u32 = 2;

/// One pool, and what stands around it.
pub(super) struct Connections<DB: Driver> {
    pool: Pool<DB>,
    deadline: Duration,
    waiting: AtomicUsize,
    most_waiting: usize,
    overflow: Arc<Semaphore>,
    /// For who has lost two connections already.
    spare: Arc<Semaphore>,
    checked: OnceCell<()>,
    /// When it was last asked why there is no connection, and why the database did not answer, if so.
    reason: tokio::sync::Mutex<Option<(Instant, Option<Error>)>>,
    pub(super) counts: Counts,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) acquired: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) timed_out: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) waited_micros: AtomicU64,
}

/// A connection, until it is dropped.
pub(super) enum Held<DB: Driver> {
    /// It goes back to the pool.
    Pooled(PoolConnection<DB>),
    /// It was made beyond the pool, and ends.
    Beyond(Box<DB::Connection>, #[expect(dead_code, reason = "held")] OwnedSemaphorePermit),
}

/// An answer; or a failure, and what may help.
pub(super) type Asked<R> = std::result::Result<R, (Next, Error)>;

impl<DB: Driver> Connections<DB> {
    pub(super) fn new(pool: Pool<DB>, options: &DatabaseOptions) -> Self {
        Self {
            pool,
            deadline: options.acquire_deadline,
            waiting: AtomicUsize::new(0),
            most_waiting: options.most_waiting,
            overflow: Arc::new(Semaphore::new(options.overflow as usize)),
            spare: Arc::new(Semaphore::new(1)),
            checked: OnceCell::new(),
            reason: tokio::sync::Mutex::default(),
            counts: Counts::default(),
        }
    }

    pub(super) fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// How many calls wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A connection, within the deadline.
    pub(super) async fn acquire(&self) -> Result<Held<DB>> {
        let start = Instant::now();
        let mut held = match self.beyond().await? {
            Some(held) => held,
            None => self.pooled().await?,
        };
        self.checked.get_or_try_init(|| check::<DB>(&mut held)).await?;
        self.counts.acquired.fetch_add(1, Ordering::Relaxed);
        let waited = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.waited_micros.fetch_add(waited, Ordering::Relaxed);
        Ok(held)
    }

    /// A connection that has just answered: after one was found dead, others may be.
    pub(super) async fn acquire_living(&self) -> Result<Held<DB>> {
        for _ in 0..self.pool.options().get_max_connections() {
            let mut held = self.acquire().await?;
            if matches!(tokio::time::timeout(QUESTION, held.ping()).await, Ok(Ok(()))) {
                return Ok(held);
            }
            held.after(Next::Another);
        }
        self.acquire().await
    }

    /// A connection that nobody had before, beyond the pool, for the last attempt: a server that is told to end connections may
    /// answer a question on each of them first. One at a time; others take what answers.
    pub(super) async fn acquire_fresh(&self) -> Result<Held<DB>> {
        // What is in memory is another database to another connection.
        let spare = Arc::clone(&self.spare).try_acquire_owned().ok().filter(|_| DB::BACKEND != Backend::Sqlite);
        if let Some(permit) = spare {
            let address = self.pool.connect_options();
            if let Ok(Ok(connection)) = tokio::time::timeout(self.deadline, Box::pin(address.connect())).await {
                self.counts.acquired.fetch_add(1, Ordering::Relaxed);
                return Ok(Held::Beyond(Box::new(connection), permit));
            }
        }
        self.acquire_living().await
    }

    async fn pooled(&self) -> Result<Held<DB>> {
        let place = self.place()?;
        // Boxed: the driver's way to a connection is long, and every caller's future would have to hold it.
        let acquired = Box::pin(self.unlocked());
        let acquired = if self.pool.options().get_acquire_timeout() <= self.deadline {
            // The pool ends it by itself: one timer less.
            Ok(acquired.await)
        } else {
            tokio::time::timeout(self.deadline, acquired).await
        };
        drop(place);
        match acquired {
            Ok(Ok(connection)) => Ok(Held::Pooled(connection)),
            Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => Err(self.none_to_be_had().await),
            // Whoever cannot connect is outside, whatever the reason.
            Ok(Err(source)) => Err(judge(source, |_| Some(Next::Tell)).1),
        }
    }

    /// A connection of the pool. Several that open a new file of SQLite at once are in each other's way while it gets its
    /// write-ahead log, and SQLite does not wait there. One that is cut while it is opened, as when an operator ends all
    /// connections, is opened once more.
    async fn unlocked(&self) -> sqlx::Result<PoolConnection<DB>> {
        let start = Instant::now();
        let mut cuts = 0;
        loop {
            match self.pool.acquire().await {
                Err(sqlx::Error::Database(told)) if is_locked(&*told) && start.elapsed() < self.deadline => {
                    tokio::time::sleep(LOCKED).await;
                }
                Err(lost) if is_cut(&lost) && cuts < CUTS => cuts += 1,
                answer => return answer,
            }
        }
    }

    /// Opens so many, behind: the driver keeps so many, but does not open them by itself.
    pub(super) fn open_some(&self, fewest: u32) {
        let fewest = fewest.min(self.pool.options().get_max_connections());
        if fewest == 0 {
            return;
        }
        let pool = self.pool.clone();
        drop(tokio::spawn(async move {
            // Held until all are there: else the next one got would be one of them.
            let mut open = Vec::new();
            while pool.size() < fewest {
                match pool.acquire().await {
                    Ok(connection) => open.push(connection),
                    Err(error) => return tracing::debug!(%error, "connections could not be opened ahead"),
                }
            }
        }));
    }

    /// A place among those who wait.
    fn place(&self) -> Result<Place<'_>> {
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) < self.most_waiting {
            return Ok(place);
        }
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        let error =
            Error::new(ErrorKind::Busy, "too many calls wait for a connection: raise max_connections, or ask less");
        Err(error.with("waiting", self.most_waiting))
    }

    /// A connection beyond the pool's, if all of those are at work and there may be one.
    async fn beyond(&self) -> Result<Option<Held<DB>>> {
        if self.pool.num_idle() > 0 || self.pool.size() < self.pool.options().get_max_connections() {
            return Ok(None);
        }
        let Ok(permit) = Arc::clone(&self.overflow).try_acquire_owned() else { return Ok(None) };
        let address = self.pool.connect_options();
        match tokio::time::timeout(self.deadline, Box::pin(address.connect())).await {
            Ok(Ok(connection)) => {
                self.counts.overflowed.fetch_add(1, Ordering::Relaxed);
                Ok(Some(Held::Beyond(Box::new(connection), permit)))
            }
            // The server may have no room for more, while those of the pool are well.
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    /// Why nobody got a connection in time: all are at work, or the database is away. The driver does not say.
    async fn none_to_be_had(&self) -> Error {
        self.counts.timed_out.fetch_add(1, Ordering::Relaxed);
        let Some(away) = self.away().await else {
            let error = Error::new(ErrorKind::Busy, "all connections are at work: raise max_connections, or ask less");
            return error.with("connections", self.pool.options().get_max_connections());
        };
        away
    }

    /// Why the database does not answer, if it does not. One asks, and the others wait for what it finds out.
    async fn away(&self) -> Option<Error> {
        let mut reason = self.reason.lock().await;
        if let Some((at, away)) = &*reason
            && at.elapsed() < ANSWER
        {
            return away.clone();
        }
        let unreached = || Error::new(ErrorKind::Connection, "the database cannot be reached");
        let address = self.pool.connect_options();
        let away = match tokio::time::timeout(QUESTION, Box::pin(address.connect())).await {
            Ok(Ok(connection)) => {
                // Told politely, else the server takes it for lost; if that fails it is gone all the same.
                let _ = tokio::time::timeout(QUESTION, connection.close()).await;
                None
            }
            // It has no room for more: it is there.
            Ok(Err(sqlx::Error::Database(told))) if DB::crowded(&*told) => None,
            Ok(Err(source)) => Some(unreached().because(judge(source, DB::outage).1)),
            Err(late) => Some(unreached().because(late)),
        };
        *reason = Some((Instant::now(), away.clone()));
        away
    }
}

async fn check<DB: Driver>(held: &mut Held<DB>) -> Result<()> {
    match DB::check(held).await {
        Ok(checked) => checked,
        Err(source) => Err(judge(source, DB::outage).1),
    }
}

/// Was there a server, which then was gone?
fn is_cut(lost: &sqlx::Error) -> bool {
    use io::ErrorKind as E;
    match lost {
        sqlx::Error::Io(lost) => {
            matches!(lost.kind(), E::ConnectionReset | E::ConnectionAborted | E::BrokenPipe | E::UnexpectedEof)
        }
        // An answer that breaks off.
        sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<DB: Driver> Held<DB> {
    /// Asks, and once more what has not run because it was prepared for tables that have changed. Figures are taken of it.
    pub(super) async fn ask<R: Counted>(&mut self, call: Call<DB, R>, text: Text, values: DB::Arguments) -> Asked<R> {
        let timing = Timing::begin::<DB>(self, &text, &values);
        // In a transaction PostgreSQL refuses all that follows. The others prepare anew by themselves.
        let twice = (DB::TYPES_PREPARED && !text.inside).then(|| (text.clone(), values.clone()));
        let mut answer = call(self, text, values).await.map_err(|source| judge(source, DB::outage));
        let anew = matches!(answer, Err((Next::Anew, _)));
        if let Some((text, values)) = twice.filter(|_| anew)
            && DB::forget(self).await.is_ok()
        {
            answer = call(self, text, values).await.map_err(|source| judge(source, DB::outage));
        }
        if let Some(timing) = timing {
            timing.end::<DB>(self, answer.as_ref().ok().map(Counted::rows));
        }
        answer
    }

    /// The same, of what reads and may be given up.
    pub(super) async fn ask_in_time<R: Counted>(
        &mut self,
        limit: Option<Duration>,
        call: Call<DB, R>,
        text: Text,
        values: DB::Arguments,
    ) -> Asked<R> {
        // Boxed: else every caller's future would have to hold it, and its timer besides.
        let asked = Box::pin(self.ask(call, text, values));
        let Some(limit) = limit else { return asked.await };
        if let Ok(answer) = tokio::time::timeout(limit, asked).await {
            return answer;
        }
        // Its answer may come when somebody else has asked.
        self.give_up();
        Err((Next::Tell, Error::new(ErrorKind::Deadline, "the database did not answer in time: see read_deadline")))
    }

    /// Ends it, where nobody can be told.
    pub(super) fn cut(self) {
        if let Self::Pooled(connection) = self {
            drop(connection.detach());
        }
    }

    /// Gives it up, if the next who had it would fail too.
    pub(super) fn after(mut self, next: Next) {
        if next == Next::Another {
            self.give_up();
        }
    }

    /// It ends when it is dropped.
    pub(super) fn give_up(&mut self) {
        if let Self::Pooled(connection) = self {
            connection.close_on_drop();
        }
    }
}

impl<DB: Driver> Deref for Held<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Beyond(connection, _) => connection,
        }
    }
}

impl<DB: Driver> DerefMut for Held<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        match self {
            Self::Pooled(connection) => connection,
            Self::Beyond(connection, _) => connection,
        }
    }
}
