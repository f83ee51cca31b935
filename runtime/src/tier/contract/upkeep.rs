//! Promises about upkeep: it sees all, removes what may not be used any more, and nothing else.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{NOW, frame, payload, promise, put, round, step, tagged};
use crate::codec::Frame;
use crate::tier::{Step, Tier};

/// Each entry is looked at exactly once a round, round after round.
pub async fn upkeep_sees_each_entry_once_a_round(tier: &impl Tier) {
    let names: Vec<String> = (0..50).map(|i| format!("u:{i}")).collect();
    let frames: Vec<Frame> = names.iter().map(|name| frame(name, b"x")).collect();
    put(tier, &frames).await;
    for entries in [7, 50, 1, 1_000] {
        let seen = Mutex::new(BTreeMap::new());
        let keep = |frame: &Frame| {
            *seen.lock().unwrap_or_else(PoisonError::into_inner).entry(frame.key().to_string()).or_insert(0) += 1;
            true
        };
        let done = round(tier, Step { keep: &keep, ..step(entries) }).await;
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        promise(seen.len() == names.len(), "a round of upkeep sees every entry");
        promise(seen.values().all(|times| *times == 1), "a round of upkeep sees no entry twice");
        promise(done.seen == names.len() && done.removed == 0, "a round says how many it saw and removed");
        promise(done.entries == names.len() as u64 && done.bytes > 0, "after a round the entries are counted exactly");
    }
}

/// Upkeep of an empty tier comes round at once.
pub async fn upkeep_of_nothing_comes_round(tier: &impl Tier) {
    let done = round(tier, step(10)).await;
    promise((done.seen, done.removed, done.entries, done.bytes) == (0, 0, 0, 0), "an empty tier has nothing to tidy");
}

/// What may not be served even as stale is removed; what may for one more millisecond is not.
pub async fn expired_entries_go(tier: &impl Tier) {
    let (gone, stays) = (tagged("e:gone", b"1", &[], NOW - 1), tagged("e:stays", b"2", &[], NOW));
    put(tier, &[gone, stays]).await;
    let done = round(tier, step(10)).await;
    promise(done.removed == 1 && done.entries == 1, "upkeep removes an expired entry and counts it");
    promise(payload(tier, "e:gone").await.is_none(), "an expired entry is removed");
    promise(payload(tier, "e:stays").await.is_some(), "an entry that may still be served stale stays");
}

/// Entries that the log has invalidated are removed, and the judge sees their tags.
pub async fn invalidated_entries_go(tier: &impl Tier) {
    let until = NOW + 60_000;
    let frames = ["a", "b", "a", "c"].iter().enumerate().map(|(i, tag)| tagged(&format!("i:{i}"), b"x", &[tag], until));
    put(tier, &frames.collect::<Vec<_>>()).await;
    let keep = |frame: &Frame| frame.tags().all(|tag| tag != "a");
    let done = round(tier, Step { keep: &keep, ..step(3) }).await;
    promise(done.removed == 2 && done.entries == 2, "upkeep removes what is not kept, and counts it");
    for (i, stays) in [false, true, false, true].into_iter().enumerate() {
        promise(payload(tier, &format!("i:{i}")).await.is_some() == stays, "exactly the entries not kept are removed");
    }
}

/// Entries that stay are the same after many rounds, beside puts.
pub async fn upkeep_keeps_what_stays(tier: &impl Tier) {
    for i in 0..40 {
        put(tier, &[frame(&format!("k:{i}"), b"x"), frame(&format!("k:{}", i / 2), b"y")]).await;
        let done = tier.tidy(step(3)).await;
        promise(done.is_ok_and(|done| done.removed == 0), "upkeep removes nothing that is fresh and kept");
    }
    round(tier, step(5)).await;
    let done = round(tier, step(5)).await;
    promise(done.entries == 40, "entries are counted exactly, also when they came between the steps of a round");
    for i in 0..40 {
        promise(payload(tier, &format!("k:{i}")).await.is_some(), "upkeep loses no entry");
    }
}
