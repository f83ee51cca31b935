//! A statement that writes, beside its row in the outbox.

use std::sync::Arc;

use super::super::adviser::Counted;
use super::super::driver::{Driver, Text};
use super::super::failure::{Next, cause};
use super::super::touch::{Write, is_of_rows};
use super::super::transaction::{begin, commits_by_itself, refuses};
use super::super::undone::{Turns, was_undone};
use super::super::write::to_its_end;
use super::super::{Call, Core, TIMES};
use crate::error::{Error, Result};
use crate::statement::{Backend, Statement};

/// Is it to be written in one transaction with its row? One that cannot be undone has its row written ahead.
pub(in crate::database) fn stands_beside<DB: Driver>(core: &Core<DB>, statement: &Statement) -> bool {
    if core.outbox.is_none() {
        return false;
    }
    is_of_rows(statement) && !(DB::BACKEND == Backend::Mysql && commits_by_itself(statement))
}

/// Runs it in a transaction with its row, in a task of its own.
pub(in crate::database) async fn apart<DB: Driver, R: Counted + Send + 'static>(
    core: &Arc<Core<DB>>,
    write: Write,
    text: Text,
    values: DB::Arguments,
    call: Call<DB, R>,
) -> Result<R> {
    let core = Arc::clone(core);
    let text = Text { inside: true, ..text };
    to_its_end(Box::pin(async move {
        let (mut turns, mut more) = (Turns::new(), TIMES);
        loop {
            let inside = begin(&core).await?;
            match inside.ask(&write, text.clone(), values.clone(), call).await {
                Ok(answer) => match inside.commit().await {
                    // Seen only there, as by a database that runs transactions as if one after the other.
                    Err(error) if refuses::<DB>(&error) && was_undone(&error) => {
                        if !turns.next().await {
                            return Err(error);
                        }
                    }
                    committed => return committed.map(|()| answer),
                },
                Err(error) => {
                    let outdated = is_outdated::<DB>(&error);
                    if outdated && let Some(held) = inside.held.lock().await.as_mut() {
                        // Its statements are prepared anew, wherever this leads.
                        let _ = DB::forget(held).await;
                    }
                    inside.rollback().await;
                    let anew = if was_undone(&error) {
                        write.is_undone_whole::<DB>(core.known_schema().as_deref()) && turns.next().await
                    } else {
                        more -= 1;
                        outdated && more > 0
                    };
                    if !anew {
                        return Err(error);
                    }
                }
            }
        }
    }))
    .await
}

/// Was it prepared for tables that have changed?
fn is_outdated<DB: Driver>(error: &Error) -> bool {
    let told = cause(error).and_then(sqlx::Error::as_database_error);
    told.is_some_and(|told| DB::outage(told) == Some(Next::Anew))
}
