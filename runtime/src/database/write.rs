//! A statement that writes, and what becomes untrue by it.

use std::pin::Pin;
use std::sync::Arc;

use tracing::Instrument as _;

use super::adviser::Counted;
use super::connections::{Asked, Held};
use super::driver::{Driver, Text};
use super::failure::Next;
use super::touch::Write;
use super::undone::{Turns, was_undone};
use super::{Call, Core, left_alone};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Backend;

/// Runs it in a task of its own: between the moment when the database has done it and the invalidation nobody can take
/// it away.
pub(super) async fn apart<DB: Driver, R: Counted + Send + 'static>(
    core: &Arc<Core<DB>>,
    write: Write,
    text: Text,
    values: DB::Arguments,
    call: Call<DB, R>,
) -> Result<R> {
    let core = Arc::clone(core);
    let done = Box::pin(async move {
        let asked = core.breaker.run(async {
            core.outbox_ready().await?;
            let mut held = core.writers().acquire().await?;
            let since = core.moment();
            let catalog = core.schema_by(&mut held).await?;
            core.renew_schema();
            let touched = write.touches(&core.groups, catalog.as_deref()).since(since);
            let groups = core.told(&touched);
            let owed = match core.owe(&mut held, &groups).await {
                Ok(owed) => owed,
                Err((next, error)) => {
                    held.after(next);
                    return Err(error);
                }
            };
            let due = core.due(groups);
            // Where others wait for the whole database, none is undone.
            let may_repeat = DB::BACKEND != Backend::Sqlite && write.is_undone_whole::<DB>(catalog.as_deref());
            let answer = ask_again(&mut held, may_repeat, call, text, values).await;
            // Also when it failed: some failures leave behind what they did before, and after a lost connection nobody
            // knows.
            let mut due = core.completed(due, &touched);
            match answer {
                Err((Next::Another, _)) => {
                    due = core.doubtful(due);
                    held.after(Next::Another);
                }
                // Others may have it while this is told: of SQLite's there is one.
                _ => drop(held),
            }
            core.settle(owed, due.fire().await);
            answer.map_err(|(_, error)| error)
        });
        asked.await.map_err(left_alone)
    });
    to_its_end(done).await
}

/// Asks, and again what was undone because others were in the way, if nothing is left of it then.
async fn ask_again<DB: Driver, R: Counted>(
    held: &mut Held<DB>,
    may_repeat: bool,
    call: Call<DB, R>,
    text: Text,
    values: DB::Arguments,
) -> Asked<R> {
    if !may_repeat {
        return held.ask(call, text, values).await;
    }
    let mut turns = Turns::new();
    loop {
        let answer = held.ask(call, text.clone(), values.clone()).await;
        let undone = matches!(&answer, Err((_, error)) if was_undone(error));
        if !undone || !turns.next().await {
            return answer;
        }
    }
}

/// Runs a future though its caller goes away. Boxed: else the callers' futures would have to hold it, twice.
pub(super) async fn to_its_end<R: Send + 'static>(work: Pin<Box<dyn Future<Output = Result<R>> + Send>>) -> Result<R> {
    match tokio::spawn(work.in_current_span()).await {
        Ok(answer) => answer,
        Err(ended) if ended.is_panic() => Err(Error::new(ErrorKind::Panic, "the driver of the database panicked")),
        Err(_) => Err(Error::new(ErrorKind::Closed, "the runtime is shutting down")),
    }
}
