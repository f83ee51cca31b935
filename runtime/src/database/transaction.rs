//! A transaction: statements on one connection, of which all take effect or none.

use std::sync::Arc;

use parking_lot::Mutex;

use super::adviser::Counted;
use super::connections::Held;
use super::driver::{Driver, Text};
use super::due::Due;
use super::failure::{Next, cause, judge};
use super::touch::{Touched, Write};
use super::write::to_its_end;
use super::{Call, Core, Database, TIMES, left_alone};
use crate::error::{Error, ErrorKind, Result};
use crate::flight::withhold;
use crate::statement::{Backend, Kind, Statement};

/// A transaction under way, shared by the handles that stand for it.
pub(super) struct Inside<DB: Driver> {
    core: Arc<Core<DB>>,
    /// Nothing once the transaction is over. One statement runs at a time.
    pub(super) held: tokio::sync::Mutex<Option<Held<DB>>>,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// What becomes untrue when it is committed.
    pub(super) written: Touched,
    /// Has a statement failed after which the database takes no others?
    pub(super) spoilt: bool,
}

impl<DB: Driver> Database<DB> {
    /// Runs a scope in a transaction: committed if it returns `Ok`, rolled back if it returns an error, panics or is
    /// dropped.
    ///
    /// The scope is given a handle of its own. What is read through that is not cached, so that nobody else sees it, nor is
    /// what any cached function made of it. What is written through it invalidates after the commit, and not at all after a
    /// rollback. Other invalidations, such as the `remove` of a cached function, take effect at once: call them afterwards.
    ///
    /// After a statement that failed for another reason than a constraint the transaction takes no others, and is rolled
    /// back; with PostgreSQL after any. On MySQL tables cannot be changed in it, for that would commit; tables of engines
    /// without transactions are not rolled back there.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn all(db: &cached_runtime::database::Database<sqlx::Sqlite>) -> cached_runtime::Result<()> {
    /// db.transaction(|tx| async move {
    ///     tx.execute("UPDATE account SET cents = cents - ? WHERE id = ?", (500, 1)).await?;
    ///     tx.execute("UPDATE account SET cents = cents + ? WHERE id = ?", (500, 2)).await
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The scope's own; and as [`Database::execute`] if the transaction could not begin or be committed. When the
    /// connection was lost during the commit, nobody knows whether it took effect: then everything is invalidated that it
    /// would have changed.
    pub async fn transaction<T, E, F, Fut>(&self, scope: F) -> Result<T, E>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        if self.inside.is_some() {
            return Err(
                Error::new(ErrorKind::Config, "a transaction is under way: use the handle that is there").into()
            );
        }
        let inside = Arc::new(begin(&self.core).await?);
        let rollback = OnDrop(Some(Arc::clone(&inside)));
        let handle = Self { core: Arc::clone(&self.core), inside: Some(Arc::clone(&inside)) };
        let answer = scope(handle).await;
        rollback.disarm();
        match answer {
            Ok(value) => {
                to_its_end(Box::pin(async move { inside.commit().await })).await?;
                Ok(value)
            }
            Err(error) => {
                // The scope's own error is what the caller wants to know.
                let _ = to_its_end(Box::pin(async move {
                    inside.rollback().await;
                    Ok(())
                }))
                .await;
                Err(error)
            }
        }
    }
}

/// In a task of its own: the driver's connection is spoilt if its `BEGIN` is given up half-way.
pub(super) async fn begin<DB: Driver>(core: &Arc<Core<DB>>) -> Result<Inside<DB>> {
    let core = Arc::clone(core);
    to_its_end(Box::pin(async move {
        let begun = core.breaker.run(async {
            core.outbox_ready().await?;
            for more in (0..TIMES).rev() {
                let writers = core.writers();
                let mut held =
                    if more + 1 == TIMES { writers.acquire().await? } else { writers.acquire_living().await? };
                // Not in it: a transaction may see the schema as it was when it began. Boxed: the way to the schema is
                // long, and seldom gone.
                Box::pin(core.schema_by(&mut held)).await?;
                core.renew_schema();
                match DB::tell(&mut held, DB::BEGIN).await {
                    Ok(()) => return Ok(Inside::new(&core, held)),
                    Err(source) => {
                        let (next, error) = judge(source, DB::outage);
                        held.after(next);
                        if more == 0 || next != Next::Another {
                            return Err(error);
                        }
                    }
                }
            }
            Err(Error::new(ErrorKind::Connection, "the connection to the database was lost"))
        });
        begun.await.map_err(left_alone)
    }))
    .await
}

impl<DB: Driver> Inside<DB> {
    fn new(core: &Arc<Core<DB>>, held: Held<DB>) -> Self {
        Self { core: Arc::clone(core), held: tokio::sync::Mutex::new(Some(held)), state: Mutex::default() }
    }

    pub(super) async fn ask<R: Counted>(
        &self,
        write: &Write,
        text: Text,
        values: DB::Arguments,
        call: Call<DB, R>,
    ) -> Result<R> {
        let statement = write.statement();
        if statement.kind() == Kind::Session {
            let message =
                "the transaction ends when its scope does; settings and temporary tables of a connection outlive it";
            return Err(Error::new(ErrorKind::Config, message));
        }
        if DB::BACKEND == Backend::Mysql && commits_by_itself(statement) {
            let message = "MySQL commits before it changes tables: do it outside of the transaction";
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut held = self.held.lock().await;
        let Some(connection) = held.as_mut() else {
            return Err(Error::new(ErrorKind::Closed, "the transaction is over"));
        };
        if self.state.lock().spoilt {
            return Err(spoilt());
        }
        // A cached function that reached the transaction by a way of its own must keep nothing of it.
        withhold();
        // Before it runs: who gives it up half-way does not know whether it ran.
        if write.writes() {
            self.touch(std::slice::from_ref(write));
        }
        let unseen = Unseen(Some(self));
        let answer = connection.ask(call, text, values).await;
        unseen.seen();
        match answer {
            Ok(answer) => Ok(answer),
            Err((_, error)) => {
                if !outlives::<DB>(connection, &error).await {
                    self.spoil();
                }
                Err(error)
            }
        }
    }

    /// Keeps in mind what these touch, by the schema as it was known before: what is seen of it on this connection may be
    /// old, or not yet so for others.
    pub(super) fn touch(&self, writes: &[Write]) {
        let since = self.core.moment();
        let catalog = self.core.known_schema();
        let mut state = self.state.lock();
        for write in writes {
            let mut touched = write.touches(&self.core.groups, catalog.as_deref()).since(since);
            if DB::BACKEND == Backend::Mysql && write.lasts(catalog.as_deref()) {
                touched.keep();
            }
            state.written.add(touched);
        }
    }

    /// A statement has failed after which this takes no others. The database may have ended the transaction, and what came
    /// after may have taken effect; PostgreSQL lets nothing come after.
    pub(super) fn spoil(&self) {
        let mut state = self.state.lock();
        state.spoilt = true;
        if DB::BACKEND != Backend::Postgres {
            state.written.keep();
        }
    }

    pub(super) async fn commit(&self) -> Result<()> {
        let core = &self.core;
        // The connection first: a statement may be under way, of a call that was given up.
        let Some(mut held) = self.held.lock().await.take() else {
            return Err(Error::new(ErrorKind::Closed, "the transaction is over"));
        };
        let State { written, spoilt: is_spoilt } = std::mem::take(&mut *self.state.lock());
        let groups = core.told(&written);
        let owed =
            if is_spoilt { Err(spoilt()) } else { core.owe(&mut held, &groups).await.map_err(|(_, error)| error) };
        let due = core.due(groups);
        let owed = match owed {
            Ok(owed) => owed,
            Err(error) => {
                end(held).await;
                self.after_rollback(due, &written).await;
                return Err(error);
            }
        };
        match DB::tell(&mut held, "COMMIT").await.map_err(|source| judge(source, DB::outage)) {
            Ok(()) => {
                drop(held);
                core.settle(owed, core.completed(due, &written).fire().await);
                Ok(())
            }
            Err((_, error)) => {
                let refused = refuses::<DB>(&error);
                end(held).await;
                if refused {
                    self.after_rollback(due, &written).await;
                } else {
                    // If it takes effect after all, its row in the outbox is found.
                    core.doubtful(core.completed(due, &written)).fire().await;
                }
                Err(error)
            }
        }
    }

    pub(super) async fn rollback(&self) {
        if let Some(held) = self.held.lock().await.take() {
            end(held).await;
        }
        let State { written, .. } = std::mem::take(&mut *self.state.lock());
        let due = self.core.due(self.core.told(&written));
        self.after_rollback(due, &written).await;
    }

    /// Nothing has become untrue, but for what outlasts a rollback.
    async fn after_rollback(&self, due: Due, written: &Touched) {
        if written.lasts() {
            self.core.completed(due, written).fire().await;
        } else {
            due.waive();
        }
    }

    /// The same, where nobody waits.
    fn tell_what_lasts(&self) {
        let written = std::mem::take(&mut self.state.lock().written);
        if written.lasts() {
            drop(self.core.completed(self.core.due(self.core.told(&written)), &written));
        }
    }
}

/// A statement whose answer nobody has seen yet. If it is given up, nobody knows whether the database has ended the
/// transaction over it.
struct Unseen<'a, DB: Driver>(Option<&'a Inside<DB>>);

impl<DB: Driver> Unseen<'_, DB> {
    fn seen(mut self) {
        self.0 = None;
    }
}

impl<DB: Driver> Drop for Unseen<'_, DB> {
    fn drop(&mut self) {
        if let Some(inside) = self.0
            && DB::BACKEND != Backend::Postgres
        {
            inside.state.lock().written.keep();
        }
    }
}

/// A constraint that is looked at only at the commit: it is rolled back. Of all else nobody knows.
pub(super) fn refuses<DB: Driver>(error: &Error) -> bool {
    match DB::BACKEND {
        Backend::Postgres => error.kind() == ErrorKind::Database,
        Backend::Mysql => false,
        Backend::Sqlite => {
            let told = cause(error).and_then(sqlx::Error::as_database_error);
            let code = told.and_then(|told| told.code()?.parse::<i32>().ok());
            // SQLITE_CONSTRAINT and SQLITE_BUSY. With another one it may have been over before, and what came after stays.
            code.is_some_and(|code| matches!(code & 0xff, 19 | 5))
        }
    }
}

pub(super) fn spoilt() -> Error {
    let message = "a statement of the transaction has failed: it is rolled back";
    Error::new(ErrorKind::Database, message)
}

/// Does this commit what was done before?
pub(super) fn commits_by_itself(statement: &Statement) -> bool {
    statement.kind() == Kind::Schema || statement.shape().starts_with("TRUNCATE")
}

/// Is the transaction still there after this failure? PostgreSQL refuses all that follows, and answers to `COMMIT` that all
/// is well, having rolled back. The others undo the statement alone, if it was a constraint; of SQLite some constraints
/// undo all.
async fn outlives<DB: Driver>(connection: &mut Held<DB>, error: &Error) -> bool {
    use sqlx::error::ErrorKind as K;
    let told = cause(error).and_then(sqlx::Error::as_database_error);
    if !told.is_some_and(|told| !matches!(told.kind(), K::Other)) {
        return false;
    }
    match DB::BACKEND {
        Backend::Postgres => false,
        Backend::Mysql => true,
        // It begins no second one.
        Backend::Sqlite => match DB::tell(connection, DB::BEGIN).await {
            Err(_) => true,
            Ok(()) => DB::tell(connection, "ROLLBACK").await.is_err(),
        },
    }
}

/// Rolls back. A connection on which that fails is not used again.
async fn end<DB: Driver>(mut held: Held<DB>) {
    if DB::tell(&mut held, "ROLLBACK").await.is_err() {
        held.after(Next::Another);
    }
}

/// Rolls back behind the back of a caller who is gone, or has left a handle somewhere.
fn end_behind<DB: Driver>(held: Held<DB>) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(end(held))),
        // Without a runtime nobody can be told: the connection ends, and the transaction with it.
        Err(_) => held.cut(),
    }
}

/// Also of a transaction that had begun when nobody waited for it any more.
impl<DB: Driver> Drop for Inside<DB> {
    fn drop(&mut self) {
        if let Some(held) = self.held.get_mut().take() {
            end_behind(held);
        }
        self.tell_what_lasts();
    }
}

/// Ends the transaction with its scope, though handles to it may live on.
struct OnDrop<DB: Driver>(Option<Arc<Inside<DB>>>);

impl<DB: Driver> OnDrop<DB> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl<DB: Driver> Drop for OnDrop<DB> {
    fn drop(&mut self) {
        let Some(inside) = self.0.take() else { return };
        inside.state.lock().spoilt = true;
        // Where a statement runs through another handle, the last of them ends it.
        if let Ok(mut held) = inside.held.try_lock()
            && let Some(held) = held.take()
        {
            end_behind(held);
            inside.tell_what_lasts();
        }
    }
}
