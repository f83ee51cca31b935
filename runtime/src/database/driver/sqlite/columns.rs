//! Rows whose columns the statement does not name.
//!
//! The driver asks for the names of columns when it prepares a statement. SQLite prepares it again by itself, when it
//! runs, if another connection has changed the tables; then values would be read by the names of others. So such a
//! statement is prepared and run in one transaction, after something else has looked at the tables.

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};

use super::super::{Answer, Text};

/// What the driver answers, from tables that do not change meanwhile.
pub(super) async fn steady<R>(
    connection: &mut SqliteConnection,
    text: Text,
    values: SqliteArguments,
    ask: impl for<'c> Fn(&'c mut SqliteConnection, Text, SqliteArguments) -> Answer<'c, R>,
) -> sqlx::Result<R> {
    if text.inside {
        look(connection).await?;
        return ask(connection, text, values).await;
    }
    // Dropped half-way, the driver rolls it back before it does anything else on this connection.
    let mut transaction = connection.begin_with(if text.reads { "BEGIN" } else { "BEGIN IMMEDIATE" }).await?;
    let answer = match look(&mut transaction).await {
        Ok(()) => ask(&mut transaction, text, values).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => transaction.commit().await.map(|()| answer),
        Err(error) => {
            // Some failures end the transaction, of which the driver does not know; there must be one to be rolled back, or
            // it takes the connection for one in a transaction for ever.
            let _ = sqlx::raw_sql("BEGIN").execute(&mut *transaction).await;
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

/// Makes the connection see the tables as they are.
async fn look(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1").fetch_optional(connection).await.map(drop)
}
