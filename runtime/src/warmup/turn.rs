//! Jobs that one node does for all that share a log.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::job::Job;
use super::report::{Ended, JobReport};
use crate::cache::Cache;
use crate::clock::Millis;
use crate::error::{Error, ErrorKind};
use crate::namespace::Namespace;

/// Which run of a job it is, and for how long it counts as done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// The time that it was to begin at; 0 at the start.
    pub(super) at: Millis,
    pub(super) life: Millis,
}

/// Is there something by which nodes could take turns?
pub(super) fn is_shared(cache: &Cache) -> bool {
    #[cfg(feature = "_shared")]
    let shared = cache.0.stack.leases().is_some();
    #[cfg(not(feature = "_shared"))]
    let shared = {
        let _ = cache;
        false
    };
    shared
}

/// Does the job, unless another node has done it, or is doing it: then it waits for that.
///
/// That it is done is an entry as any other: the key's lease is the turn, and while it is held the job runs. A node that
/// dies loses it, and the next one begins.
pub(super) async fn in_turn<F>(cache: &Cache, job: &'static Job, slot: Slot, work: F) -> Option<JobReport>
where
    F: Future<Output = JobReport> + Send + 'static,
{
    let name = format!("cached.warmup.{}", job.name());
    let patience = job.plan().deadline.saturating_add(1_000);
    let Ok(done) = Namespace::<Millis>::in_turn(cache, &name, patience, |life| Duration::from_millis(*life)) else {
        // Its name cannot be one of a namespace.
        return Some(work.await);
    };
    let mine = Arc::new(Mutex::new(None));
    let told = Arc::clone(&mine);
    let load = || async move {
        let report = work.await;
        let failed = report.ended != Ended::Done || (report.done == 0 && report.failed > 0);
        *told.lock() = Some(report);
        // Not done: another node may try.
        if failed { Err(Error::new(ErrorKind::Closed, "the job is not done")) } else { Ok(slot.life) }
    };
    let _done = done.get_or_load(slot.at, load).await;
    mine.lock().take()
}
