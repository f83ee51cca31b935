//! A request, as far as the adviser counts what belongs together.

use crate::database::{Database, Driver};
use crate::flight::as_request;

impl<DB: Driver> Database<DB> {
    /// Runs this as one request: statements that are repeated in it are counted together, and not with others of the same
    /// task. What tasks do that it spawns is counted apart.
    ///
    /// Without it a task is taken for a request, which is right where a server spawns one for each. For a task that serves
    /// one message after the other.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn all(db: &cached_runtime::database::Database<sqlx::Sqlite>, ids: Vec<i64>) -> cached_runtime::Result<()> {
    /// for id in ids {
    ///     db.request(async { db.execute("UPDATE message SET seen = 1 WHERE id = ?", (id,)).await }).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn request<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F, DB> {
        as_request(work)
    }
}
