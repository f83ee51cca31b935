//! Upkeep by hand: what has expired is removed now, and a tier is emptied.

use std::future::Future;
use std::time::Duration;

use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::plain::plain;
use crate::stack::Level;

/// What is written behind has so long to arrive before a tier is emptied.
const PATIENCE: Duration = Duration::from_secs(5);

plain! {
    /// What a clean-up removed from one tier.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Cleaned {
        /// `near`, or the tier.
        pub tier: String,
        /// Entries that were removed.
        pub removed: u64,
        /// Why it could not be done.
        pub error: Option<String>,
    }
}

/// Runs work that looks at every entry on a thread that may be blocked; a panic in it is the caller's. Outside of a tokio
/// runtime there is no such thread, and it runs here.
pub(crate) async fn apart<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return work.await };
    match tokio::task::spawn_blocking(move || runtime.block_on(work)).await {
        Ok(done) => done,
        Err(gone) => match gone.try_into_panic() {
            Ok(payload) => std::panic::resume_unwind(payload),
            // The runtime ends: nobody waits for it any more.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Cache {
    /// Removes what has expired or was invalidated from near and from each tier, now. Near and tiers do so by themselves, a
    /// little at a time; Redis lets go of what expires, so only what was invalidated is looked for there.
    ///
    /// Cost: a look at every entry.
    pub async fn cleanup(&self) -> Vec<Cleaned> {
        let cache = self.clone();
        let removed = apart(async move {
            let before = cache.near_entries();
            cache.expire_near();
            before.saturating_sub(cache.near_entries())
        });
        let removed = removed.await;
        let mut cleaned = vec![Cleaned { tier: "near".to_owned(), removed, error: None }];
        for level in self.0.stack.levels() {
            let tier = level.tier.clone();
            let (removed, error) = match apart(async move { tier.sweep().await }).await {
                Ok(removed) => (removed, None),
                Err(error) => (0, Some(error.to_string())),
            };
            cleaned.push(Cleaned { tier: level.name.clone(), removed, error });
        }
        cleaned
    }

    /// Empties one tier, or `near`. Nothing is invalidated: what other tiers have is found there, and what a tier that
    /// nodes share had is loaded again by all of them. Answers how many entries were removed.
    ///
    /// Of a tier that nodes share its frames go, and nothing else: the log, fences and leases stay, and so does what
    /// others keep in the same server. Frames that nodes store meanwhile may go or stay. What lives in frames alone is
    /// lost: the indexes of duplicates and of similar questions, what was asked for most, and the note that a job was
    /// run for all nodes.
    ///
    /// Cost: 512 frames a step, each within two seconds, with other work between the steps. Redis is asked with `SCAN`,
    /// which walks over all keys of its database, and `UNLINK`; a server of SQL deletes the oldest rows. Once begun it
    /// goes on even if the caller goes away.
    ///
    /// # Errors
    /// A `Config` error if there is no such tier; `Denied` if this handle may not; what the tier answers: where that
    /// fails in the middle, or a server of a cluster is away, a part of it is emptied.
    pub async fn clear_tier(&self, tier: &str) -> Result<u64> {
        self.permit(&[crate::group::Group::Everything])?;
        if tier == "near" {
            let before = self.near_entries();
            self.0.balance.each(|shelf| shelf.clear());
            return Ok(before);
        }
        let levels = self.0.stack.levels();
        let Some(level) = levels.iter().find(|level| level.name == tier) else {
            let names: Vec<&str> = levels.iter().map(|level| level.name.as_str()).collect();
            let text = format!("there is no such tier; there are near, {}", names.join(", "));
            return Err(Error::config("tier", text).with("tier", crate::key::escape(tier)));
        };
        self.empty(level).await
    }

    async fn empty(&self, level: &Level) -> Result<u64> {
        if level.tier.flush(PATIENCE).await.unwritten > 0 {
            return Err(Error::new(ErrorKind::Tier, "the tier does not take what waits to be written"));
        }
        let tier = level.tier.clone();
        apart(async move { tier.clear().await }).await
    }

    fn near_entries(&self) -> u64 {
        let mut entries = 0;
        self.0.balance.each(|shelf| entries += shelf.entries() as u64);
        entries
    }
}
