//! Promises about the bound on the size, for tiers that have one.

use std::future::Future;

use super::{frame, payload, promise, put, round, step};
use crate::tier::Tier;

/// The oldest go first, and writes alone keep the bound. `make` gives an empty tier of at most so many bytes.
pub async fn bounded<F, Fut, T>(make: F)
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = T>,
    T: Tier,
{
    let most = 100_000;
    let tier = make(most).await;
    let body = [b'x'; 1_000];
    for i in 0..400 {
        put(&tier, &[frame(&format!("b:{i}"), &body)]).await;
    }
    let done = round(&tier, step(64)).await;
    promise(done.bytes <= most, "writes alone keep a tier within its bound");
    promise(done.entries >= 50, "a tier near its bound keeps most of what fits");
    promise(payload(&tier, "b:399").await.is_some(), "the newest entry is kept");
    promise(payload(&tier, "b:0").await.is_none(), "the oldest entry goes first");
    oldest_first(&tier).await;
    shrinks(&make(most).await, most).await;
}

async fn oldest_first(tier: &impl Tier) {
    let mut kept = false;
    for i in 0..400 {
        let found = payload(tier, &format!("b:{i}")).await.is_some();
        promise(found || !kept, "no entry goes before an older one");
        kept |= found;
    }
}

/// One put far over the bound: upkeep and writes bring the tier back under it.
async fn shrinks(tier: &impl Tier, most: u64) {
    put(tier, &[frame("s:old", b"old")]).await;
    put(tier, &[frame("s:big", &vec![1; 90_000])]).await;
    put(tier, &[frame("s:huge", &vec![1; 95_000])]).await;
    for i in 0..10 {
        put(tier, &[frame(&format!("s:{i}"), b"small")]).await;
    }
    let done = round(tier, step(64)).await;
    promise(done.bytes <= most, "a tier that was over its bound comes back under it");
    promise(payload(tier, "s:9").await.is_some(), "small entries that came last stay");
}
