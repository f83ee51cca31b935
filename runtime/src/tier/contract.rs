//! What every tier promises, as tests that anyone can run against their own.
//!
//! ```no_run
//! # async fn example() {
//! use cached_runtime::testing::contract;
//! use cached_runtime::tier::memory::MemoryTier;
//!
//! contract::all(|| async { MemoryTier::new() }).await;
//! # }
//! ```
//!
//! Each function checks one promise and panics with a sentence that names it. `make` gives a fresh, empty tier each
//! time. [`durable`] is for tiers whose store survives them, [`bounded`] for those with a bound on their size.

mod bound;
mod clear;
mod frames;
mod log;
mod upkeep;

use std::future::Future;
use std::sync::Arc;

use super::{Step, Tidied, Tier};
use crate::codec::{Frame, Head};
use crate::error::Result;
use crate::group::{Group, Position, Record};
use crate::key::Key;

pub use bound::bounded;
pub use clear::*;
pub use frames::*;
pub use log::*;
pub use upkeep::*;

/// The time at which the contract's frames are made.
pub const NOW: u64 = 1_000_000;

/// All promises that a tier keeps while it lives.
pub async fn all<F, Fut, T>(make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = T>,
    T: Tier,
{
    absent_is_none(&make().await).await;
    put_then_get(&make().await).await;
    overwrite_wins(&make().await).await;
    last_of_one_put_wins(&make().await).await;
    answers_in_order_of_keys(&make().await).await;
    many_keys(&make().await).await;
    hostile_keys(&make().await).await;
    nothing_to_do(&make().await).await;
    big_frames(&make().await).await;
    concurrent_callers(Arc::new(make().await)).await;
    new_store_has_no_position(&make().await).await;
    named_key_goes_at_once(&make().await).await;
    groups_are_recorded_in_order(&make().await).await;
    records_repeated_count_once(&make().await).await;
    position_never_goes_back(&make().await).await;
    swept_records_are_forgotten(&make().await).await;
    removed_frames_go_and_nothing_else_happens(&make().await).await;
    notes_are_kept(&make().await).await;
    upkeep_sees_each_entry_once_a_round(&make().await).await;
    upkeep_of_nothing_comes_round(&make().await).await;
    expired_entries_go(&make().await).await;
    invalidated_entries_go(&make().await).await;
    upkeep_keeps_what_stays(&make().await).await;
    emptying_leaves_the_log_and_no_frame(&make().await).await;
    emptying_of_nothing_ends(&make().await).await;
}

/// What survives the end of a tier. `reopen` ends the tier it is given and opens its store again.
pub async fn durable<F, Fut, R, Re, T>(make: F, reopen: R)
where
    F: Fn() -> Fut,
    Fut: Future<Output = T>,
    R: Fn(T) -> Re,
    Re: Future<Output = T>,
    T: Tier,
{
    let tier = make().await;
    frames_before(&tier).await;
    log_before(&tier).await;
    let tier = reopen(tier).await;
    frames_after(&tier).await;
    log_after(&tier).await;
    let tier = reopen(tier).await;
    frames_after(&tier).await;
    log_after(&tier).await;
}

/// A frame of this key, fresh and usable for a minute from [`NOW`].
#[must_use]
pub fn frame(key: &str, payload: &[u8]) -> Frame {
    tagged(key, payload, &[], NOW + 60_000)
}

/// A frame of this key with tags, usable until `stale_until`.
#[must_use]
pub fn tagged(key: &str, payload: &[u8], tags: &[&str], stale_until: u64) -> Frame {
    let head = Head {
        fingerprint: 7,
        birth: Position { epoch: 1, number: 1 },
        shared: Position { epoch: 2, number: 1 },
        born: NOW,
        fresh_until: stale_until,
        stale_until,
        key: Key::from_stored(key),
        tags: tags.iter().map(|tag| Arc::from(*tag)).collect(),
        format: 0,
        compression: 0,
        raw_len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
    };
    kept("a frame of the contract can be sealed", Frame::seal(head, payload))
}

fn record(number: u64, group: Group) -> Record {
    Record { group, position: Position { epoch: 42, number } }
}

fn tag(number: u64, name: &str) -> Record {
    record(number, Group::Tag(name.into()))
}

/// A step over so many entries that removes nothing but what has expired.
fn step(entries: usize) -> Step<'static> {
    Step { entries, now: NOW, keep: &|_| true, forget: None }
}

#[track_caller]
fn kept<T>(promise: &str, done: Result<T>) -> T {
    match done {
        Ok(done) => done,
        Err(e) => panic!("broken promise: {promise}: {e:?}"),
    }
}

#[track_caller]
fn promise(kept: bool, promise: &str) {
    assert!(kept, "broken promise: {promise}");
}

async fn put(tier: &impl Tier, frames: &[Frame]) {
    let left_out = kept("a put succeeds", tier.put(frames).await);
    promise(left_out.is_empty(), "a tier that is well leaves out no frame that nothing has invalidated");
}

async fn payload(tier: &impl Tier, key: &str) -> Option<Vec<u8>> {
    let mut found = kept("a get succeeds", tier.get(&[Key::from_stored(key)]).await);
    promise(found.len() == 1, "a get of one key answers with one result");
    let bytes = found.pop().flatten()?;
    Some(kept("what comes back is a frame", Frame::read(bytes)).payload().to_vec())
}

/// Steps until the cursor comes round; the sum of what they did.
async fn round(tier: &impl Tier, step: Step<'_>) -> Tidied {
    let mut sum = Tidied::default();
    for _ in 0..10_000 {
        let one = kept("upkeep succeeds", tier.tidy(step).await);
        promise(one.seen <= step.entries, "a step of upkeep looks at no more entries than asked");
        sum = Tidied { seen: sum.seen + one.seen, removed: sum.removed + one.removed, ..one };
        if one.wrapped {
            return sum;
        }
    }
    panic!("broken promise: the cursor of upkeep comes round");
}
