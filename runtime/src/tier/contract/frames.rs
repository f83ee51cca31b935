//! Promises about frames: what is put is got, whole, under its key only.

use std::sync::Arc;

use super::{frame, kept, payload, promise, put, record};
use crate::codec::Frame;
use crate::group::Group;
use crate::key::Key;
use crate::tier::Tier;

/// A key that was never put is a miss, not an error.
pub async fn absent_is_none(tier: &impl Tier) {
    promise(payload(tier, "v:absent").await.is_none(), "an absent key is `None`");
}

/// What was put is got, byte for byte.
pub async fn put_then_get(tier: &impl Tier) {
    let new = frame("v:a", b"value");
    put(tier, std::slice::from_ref(&new)).await;
    let found = kept("a get succeeds", tier.get(&[new.key().clone()]).await);
    promise(found == [Some(new.bytes().clone())], "a get answers with exactly the frame that was put");
    put(tier, &[frame("v:empty", b"")]).await;
    promise(payload(tier, "v:empty").await.as_deref() == Some(b""), "an empty payload is a value, not a miss");
}

/// A frame takes the place of an older one of its key.
pub async fn overwrite_wins(tier: &impl Tier) {
    put(tier, &[frame("v:a", b"old")]).await;
    put(tier, &[frame("v:a", b"a new and longer value")]).await;
    let found = payload(tier, "v:a").await;
    promise(found.as_deref() == Some(b"a new and longer value"), "a later frame replaces an older one of its key");
}

/// Within one put, too, the later frame of a key wins.
pub async fn last_of_one_put_wins(tier: &impl Tier) {
    put(tier, &[frame("v:a", b"1"), frame("v:b", b"2"), frame("v:a", b"3")]).await;
    promise(payload(tier, "v:a").await.as_deref() == Some(b"3"), "of two frames of one key in one put, the last wins");
    promise(payload(tier, "v:b").await.as_deref() == Some(b"2"), "a put stores all its frames");
}

/// Results come in the order of the keys, with gaps and repetitions.
pub async fn answers_in_order_of_keys(tier: &impl Tier) {
    put(tier, &[frame("v:1", b"1"), frame("v:2", b"2"), frame("v:3", b"3")]).await;
    let keys = ["v:3", "v:absent", "v:1", "v:3", "v:2"].map(Key::from_stored);
    let found = kept("a get of several keys succeeds", tier.get(&keys).await);
    let found: Vec<_> = found.into_iter().map(|f| f.map(|b| b[b.len() - 9])).collect();
    let order = [Some(b'3'), None, Some(b'1'), Some(b'3'), Some(b'2')];
    promise(found == order, "results come in the order of the keys");
}

/// Some thousand keys in one call.
pub async fn many_keys(tier: &impl Tier) {
    let names: Vec<String> = (0..2_000).map(|i| format!("many:{i}")).collect();
    let frames: Vec<Frame> = names.iter().map(|name| frame(name, name.as_bytes())).collect();
    put(tier, &frames).await;
    let keys: Vec<Key> = names.iter().map(|name| Key::from_stored(name)).collect();
    let found = kept("a get of many keys succeeds", tier.get(&keys).await);
    promise(found.len() == keys.len(), "a get answers with one result for each key");
    let same = found.iter().zip(&frames).all(|(found, frame)| found.as_ref() == Some(frame.bytes()));
    promise(same, "a get of many keys finds each one's own frame");
}

/// Keys are opaque: quotes, wildcards, control characters, other scripts, great length.
pub async fn hostile_keys(tier: &impl Tier) {
    let long = format!("long:{}", "x".repeat(1_019));
    let names = [
        "q:'",
        "q:\"",
        "q:''; DROP TABLE cached_frames; --",
        "q:%",
        "q:_",
        "q:*",
        "q:\\",
        "q:\n\r\t\u{1}\u{1b}\u{7f}",
        "q:é",
        "q:e\u{301}",
        "q:日本語:🦀",
        "q:A",
        "q:a",
        "q: ",
        "q:",
        "q:{}[]",
        "q:../../etc",
        "q:?1",
        "q:$1:x",
        &long,
    ];
    let frames: Vec<Frame> = names.iter().map(|name| frame(name, name.as_bytes())).collect();
    put(tier, &frames).await;
    for name in names {
        let found = payload(tier, name).await;
        promise(found.as_deref() == Some(name.as_bytes()), "every key has its own frame, whatever its characters");
    }
    let keys: Vec<Key> = names.iter().map(|name| Key::from_stored(name)).collect();
    let found = kept("a get of hostile keys succeeds", tier.get(&keys).await);
    promise(found.iter().all(Option::is_some), "hostile keys are found together as well");
    for (n, key) in keys.iter().enumerate() {
        let removal = record(n as u64, Group::Key(key.clone()));
        kept("a hostile key can be removed", tier.apply(&[removal]).await);
        let rest = kept("a get succeeds", tier.get(&keys).await);
        let right = rest.iter().enumerate().all(|(i, found)| found.is_some() == (i > n));
        promise(right, "removing a key removes that key and no other");
    }
}

/// Empty slices do nothing, successfully.
pub async fn nothing_to_do(tier: &impl Tier) {
    put(tier, &[]).await;
    kept("an empty apply succeeds", tier.apply(&[]).await);
    promise(kept("an empty get succeeds", tier.get(&[]).await).is_empty(), "a get of no keys has no results");
    let recall = kept("a recall succeeds", tier.recall().await);
    promise(recall.position.is_none(), "an empty apply does not move the position");
}

/// Frames of 900 KiB, byte for byte.
pub async fn big_frames(tier: &impl Tier) {
    // Not compressible, and different in every block.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(900 << 10)
    .collect();
    put(tier, &[frame("big:1", &noise), frame("big:2", &noise[1..])]).await;
    promise(payload(tier, "big:1").await.as_deref() == Some(&noise[..]), "a frame of 900 KiB comes back whole");
    promise(payload(tier, "big:2").await.as_deref() == Some(&noise[1..]), "so does the second one in the same put");
}

/// Callers on several threads and runtimes at once: nobody is refused, nobody gets another's frame.
pub async fn concurrent_callers<T: Tier>(tier: Arc<T>) {
    let callers: Vec<_> = (0..4).map(|n| (n, Arc::clone(&tier))).collect();
    let threads: Vec<_> = callers.into_iter().map(|(n, tier)| std::thread::spawn(move || caller(n, &*tier))).collect();
    for thread in threads {
        promise(thread.join().is_ok(), "several callers, each on its own runtime, do not disturb each other");
    }
}

fn caller(n: usize, tier: &impl Tier) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { panic!("no runtime to call from") };
    runtime.block_on(async {
        for i in 0..50 {
            let (own, shared) = (format!("own:{n}:{i}"), format!("shared:{}", i % 5));
            put(tier, &[frame(&own, own.as_bytes()), frame(&shared, shared.as_bytes())]).await;
            promise(payload(tier, &own).await.as_deref() == Some(own.as_bytes()), "a caller finds what it put");
            let found = payload(tier, &shared).await;
            promise(found.is_none_or(|f| f == shared.as_bytes()), "a key never answers with another key's frame");
            if i % 7 == 0 {
                let removal = record(i, Group::Key(Key::from_stored(&own)));
                kept("a removal beside other callers succeeds", tier.apply(&[removal]).await);
                promise(payload(tier, &own).await.is_none(), "a removed key stays removed beside other callers");
            }
        }
    });
}

/// The first half of [`super::durable`], for frames.
pub(super) async fn frames_before(tier: &impl Tier) {
    put(tier, &[frame("d:kept", b"kept"), frame("d:removed", b"removed"), frame("d:changed", b"old")]).await;
    put(tier, &[frame("d:changed", b"new")]).await;
    let removal = record(1, Group::Key(Key::from_stored("d:removed")));
    kept("a removal succeeds", tier.apply(&[removal]).await);
}

/// The second half of [`super::durable`], for frames.
pub(super) async fn frames_after(tier: &impl Tier) {
    promise(payload(tier, "d:kept").await.as_deref() == Some(b"kept"), "a frame survives the end of the tier");
    promise(payload(tier, "d:changed").await.as_deref() == Some(b"new"), "the latest frame of a key survives");
    promise(payload(tier, "d:removed").await.is_none(), "a removed key does not come back");
}
