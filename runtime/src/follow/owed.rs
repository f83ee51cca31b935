//! What an earlier process owed the shared log, where the node's own tier could not say so at the start.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Follow;
use crate::tier::behind::Behind;

/// Asks once more, and has the log told. Until that is known nothing counts as told: what is kept stays.
pub(super) async fn ask(follow: Arc<Follow>, own: Behind) {
    let recall = own.recall_later();
    // Waiting for the answer keeps nothing running that its owner has let go of.
    drop(own);
    let Ok(recall) = recall.await else { return };
    let owed = (follow.believe)(recall).owed;
    // Before anybody may say that all was told.
    let mut owing = follow.seen.owing.lock();
    let Some(tier) = follow.tier.upgrade() else { return };
    if !owed.is_empty() {
        tier.queue(follow.log.append(owed));
    }
    *owing = true;
    follow.seen.unasked.store(false, Ordering::Release);
}
