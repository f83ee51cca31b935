//! A database is asked what its schema says.

use std::sync::Arc;

use super::Catalog;
use crate::database::driver::Driver;
use crate::database::failure::judge;
use crate::database::{Core, Database, left_alone};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::{Statement, Tables};

impl Catalog {
    /// The schema as it is seen on this connection, in a handful of queries. The earlier one, if the database counts the
    /// changes of its schema and there was none.
    pub(in crate::database) async fn read<DB: Driver>(
        connection: &mut DB::Connection,
        earlier: Option<&Arc<Self>>,
    ) -> sqlx::Result<Arc<Self>> {
        if let Some(earlier) = earlier
            && earlier.version.is_some()
            && DB::schema_version(connection).await? == earlier.version
        {
            return Ok(Arc::clone(earlier));
        }
        Ok(Arc::new(Self::of(DB::catalog(connection).await?, DB::BACKEND)))
    }
}

impl<DB: Driver> Core<DB> {
    /// The schema as it is now.
    pub(in crate::database) async fn catalog(&self, earlier: Option<&Arc<Catalog>>) -> Result<Arc<Catalog>> {
        let asked = self.breaker.run(async {
            let mut held = self.readers.acquire().await?;
            match Catalog::read::<DB>(&mut held, earlier).await {
                Ok(catalog) => Ok(catalog),
                Err(source) => {
                    let (next, error) = judge(source, DB::outage);
                    held.after(next);
                    Err(error)
                }
            }
        });
        asked.await.map_err(left_alone)
    }
}

impl<DB: Driver> Database<DB> {
    /// The tables and views whose rows this statement would change, or that would be seen differently after it: those that
    /// it names, those that triggers and foreign keys change along with them, partitions, and the views over all of these.
    /// It is not run.
    ///
    /// [`Tables::Any`] where nobody can know: the statement or a trigger calls a function that is not known here, a trigger
    /// is written in a way that is not understood (`EXECUTE`, `CALL`, other languages than PL/pgSQL), PostgreSQL has a rule
    /// for the table, the table is not in the schema, or there are more than 256 of them. A view that calls such a function
    /// is among the answer always.
    ///
    /// Of MySQL and MariaDB the schema of the connection is looked at, and a statement that names another one may touch
    /// anything. They tell of triggers and views only to a user with the privileges `TRIGGER` and `SHOW VIEW`: without the
    /// first, triggers go unseen. What defaults and generated columns call is not looked at, nor are objects of SQLite that
    /// one connection has for itself (`TEMP`).
    ///
    /// The schema is read anew each time, with up to ten queries: this is to look at, not for each call.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn look(db: &cached_runtime::database::Database<sqlx::Sqlite>) -> cached_runtime::Result<()> {
    /// db.execute("CREATE TABLE video (id INTEGER PRIMARY KEY)", ()).await?;
    /// db.execute("CREATE TABLE frame (video INTEGER REFERENCES video (id) ON DELETE CASCADE)", ()).await?;
    /// assert!(db.writes("DELETE FROM video WHERE id = ?").await?.includes("frame"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if this is more than one statement, or if this handle stands for a transaction; else as
    /// [`Database::execute`].
    pub async fn writes(&self, text: &str) -> Result<Tables> {
        let statement = Statement::read_or_guess(text, DB::BACKEND)?;
        Ok(self.schema().await?.written(&statement))
    }

    /// The columns by which rows of a table may be told apart, with what they hold. Not public API.
    ///
    /// # Errors
    /// As [`Database::writes`].
    #[doc(hidden)]
    pub async fn key_columns(&self, table: &str) -> Result<Vec<String>> {
        Ok(self.schema().await?.keys(table).iter().map(ToString::to_string).collect())
    }

    async fn schema(&self) -> Result<Arc<Catalog>> {
        if self.inside.is_some() {
            let message = "a transaction is under way: ask for the schema outside of it";
            return Err(Error::new(ErrorKind::Config, message));
        }
        self.core.catalog(None).await
    }
}
