//! How an outbox is used.

use std::time::Duration;

/// How the outbox of a [`Database`](crate::database::Database) is used; see
/// [`DatabaseOptions::outbox`](crate::database::DatabaseOptions::outbox).
///
/// ```
/// use std::time::Duration;
/// use cached_runtime::database::{DatabaseOptions, OutboxOptions};
///
/// let outbox = OutboxOptions::new().table("shop_outbox").interval(Duration::from_secs(10));
/// let options = DatabaseOptions::new().name("shop").outbox(outbox);
/// ```
#[derive(Debug, Clone)]
pub struct OutboxOptions {
    pub(super) table: Box<str>,
    pub(super) interval: Duration,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self { table: "cached_outbox".into(), interval: Duration::from_secs(5) }
    }
}

impl OutboxOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The table, which is made if it is not there: letters, digits and `_`, with a schema in front of it or not.
    /// Default: `cached_outbox`.
    #[must_use]
    pub fn table(mut self, name: &str) -> Self {
        self.table = name.into();
        self
    }

    /// So often the rows are looked for that others have left behind, at least 1 ms apart. What a writer leaves that dies
    /// is invalid after twice this time on nodes that live, and at once on one that starts. Default: 5 s.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(Duration::from_millis(1));
        self
    }
}
