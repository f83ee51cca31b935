//! Bringing noted invalidations to the tiers, whatever becomes of the task that does.

use crate::applied::Applied;
use crate::cache::Cache;
use crate::group::Record;

/// Records that the tiers are to take. Dropped before they have, as at the end of a runtime, which takes no new task and
/// ends those it has, they are left to the tiers' own threads, and nothing is served that they name.
pub(crate) struct Telling {
    cache: Cache,
    records: Vec<Record>,
}

impl Telling {
    pub(crate) const fn of(cache: Cache, records: Vec<Record>) -> Self {
        Self { cache, records }
    }

    /// The tiers first, the deepest before all, then the log: nothing old can climb.
    pub(crate) async fn run(mut self) -> Applied {
        let applied = self.cache.0.stack.apply(&self.records).await;
        self.cache.0.log.apply(&self.records);
        self.records.clear();
        applied
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if !self.records.is_empty() {
            self.cache.0.stack.queue(&self.records);
            self.cache.0.log.apply(&self.records);
        }
    }
}
