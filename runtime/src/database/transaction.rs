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
        let core = Arc::clone(&self.core);
        match answer {
            Ok(value) => {
                to_its_end(Box::pin(async move { inside.commit(&core).await })).await?;
                Ok(value)
            }
            Err(error) => {
                // The scope's own error is what the caller wants to know.
                let _ = to_its_end(Box::pin(async move { inside.rollback(&core).await })).await;
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
                match DB::tell(&mut held, DB::BEGIN).await {
                    Ok(()) => return Ok(Inside::new(held)),
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
    fn new(held: Held<DB>) -> Self {
        Self { held: tokio::sync::Mutex::new(Some(held)), state: Mutex::default() }
    }

    pub(super) async fn ask<R: Counted>(
        &self,
        core: &Core<DB>,
        write: &Write,
        text: Text,
        values: DB::Arguments,
        call: Call<DB, R>,
    ) -> Result<R> {
        let statement = write.statement();
        if statement.kind() == Kind::Session {
            let message = "the transaction ends when its scope does; settings of a connection outlive it";
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
        if !statement.writes().is_none() {
            // Boxed: the way to the schema is long, and seldom gone.
            Box::pin(self.touch(core, connection, std::slice::from_ref(write))).await;
        }
        match connection.ask(call, text, values).await {
            Ok(answer) => Ok(answer),
            Err((_, error)) => {
                let outlived = outlives::<DB>(connection, &error).await;
                self.state.lock().spoilt |= !outlived;
                Err(error)
            }
        }
    }

    /// Keeps in mind what these touch. Where that is all there is already, the schema is not asked: it may have been changed
    /// in here, and what is seen of that on this connection is not yet so for others, and may never be.
    pub(super) async fn touch(&self, core: &Core<DB>, connection: &mut Held<DB>, writes: &[Write]) {
        let since = core.moment();
        let is_all = self.state.lock().written.is_all();
        let catalog = if is_all { None } else { core.schema_by(connection).await };
        let mut state = self.state.lock();
        for write in writes {
            state.written.add(write.touches(&core.groups, catalog.as_deref()).since(since));
        }
    }

    pub(super) async fn commit(&self, core: &Core<DB>) -> Result<()> {
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
                after_spoilt::<DB>(core.completed(due, &written)).await;
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
                    due.waive();
                } else {
                    // If it takes effect after all, its row in the outbox is found.
                    core.completed(due, &written).fire().await;
                }
                Err(error)
            }
        }
    }

    pub(super) async fn rollback(&self, core: &Core<DB>) -> Result<()> {
        if let Some(held) = self.held.lock().await.take() {
            end(held).await;
        }
        let State { written, spoilt } = std::mem::take(&mut *self.state.lock());
        let due = core.due(core.told(&written));
        if spoilt {
            after_spoilt::<DB>(core.completed(due, &written)).await;
        } else {
            due.waive();
        }
        Ok(())
    }
}

/// A constraint that is looked at only at the commit: it is rolled back. Of all else nobody knows.
pub(super) fn refuses<DB: Driver>(error: &Error) -> bool {
    error.kind() == ErrorKind::Database && DB::BACKEND != Backend::Mysql
}

/// Of a transaction that a database ended by itself, what came after may have taken effect. PostgreSQL lets nothing come
/// after.
async fn after_spoilt<DB: Driver>(due: Due) {
    if DB::BACKEND == Backend::Postgres {
        due.waive();
    } else {
        due.fire().await;
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
        }
    }
}
