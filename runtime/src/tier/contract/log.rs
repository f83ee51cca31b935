//! Promises about the log: what is applied stays in force until it has been swept.

use super::{frame, kept, payload, promise, put, record, step, tag};
use crate::group::{Group, Position, Record};
use crate::key::{Key, Pattern};
use crate::tier::{Recall, Step, Tier};

async fn apply(tier: &impl Tier, records: &[Record]) {
    kept("an apply succeeds", tier.apply(records).await);
}

async fn recall(tier: &impl Tier) -> Recall {
    kept("a recall succeeds", tier.recall().await)
}

fn at(number: u64) -> Option<Position> {
    Some(Position { epoch: 42, number })
}

fn groups() -> Vec<Record> {
    let pattern = kept("a glob can be made", Pattern::new("p:*:x"));
    vec![
        tag(3, "t:'quoted' % 日本語"),
        record(4, Group::Pattern(pattern)),
        record(5, Group::Namespace("n".into())),
        record(6, Group::Everything),
    ]
}

/// A store that is new has no position and no records.
pub async fn new_store_has_no_position(tier: &impl Tier) {
    promise(recall(tier).await == Recall::default(), "a new store recalls nothing");
    put(tier, &[frame("v:a", b"1")]).await;
    promise(recall(tier).await == Recall::default(), "a put does not move the position");
}

/// A named key is gone when the apply returns, and leaves no record, only the position.
pub async fn named_key_goes_at_once(tier: &impl Tier) {
    put(tier, &[frame("v:a", b"1"), frame("v:b", b"2")]).await;
    let key = |number, name| record(number, Group::Key(Key::from_stored(name)));
    apply(tier, &[key(7, "v:a"), key(8, "v:absent")]).await;
    promise(payload(tier, "v:a").await.is_none(), "a named key is removed at once");
    promise(payload(tier, "v:b").await.is_some(), "other keys stay");
    let found = recall(tier).await;
    promise(found == Recall { position: at(8), records: vec![] }, "a removed key moves the position and is no record");
    put(tier, &[frame("v:a", b"3")]).await;
    promise(payload(tier, "v:a").await.as_deref() == Some(b"3"), "a removed key can be put again");
}

/// Every other group is recorded with its position and recalled oldest first.
pub async fn groups_are_recorded_in_order(tier: &impl Tier) {
    let all = groups();
    apply(tier, &all[..1]).await;
    apply(tier, &all[1..]).await;
    promise(
        recall(tier).await == Recall { position: at(6), records: all },
        "records are recalled oldest first, as applied",
    );
}

/// Applying the same records again changes nothing.
pub async fn records_repeated_count_once(tier: &impl Tier) {
    let all = groups();
    apply(tier, &all).await;
    apply(tier, &all).await;
    promise(recall(tier).await.records == all, "a record applied twice is recalled once");
}

/// The position is the highest of its epoch; another epoch takes over.
pub async fn position_never_goes_back(tier: &impl Tier) {
    apply(tier, &[tag(9, "a"), tag(5, "b")]).await;
    apply(tier, &[tag(7, "c")]).await;
    let found = recall(tier).await;
    promise(found.position == at(9), "the position is the highest applied, not the latest");
    let order: Vec<u64> = found.records.iter().map(|r| r.position.number).collect();
    promise(order == [5, 7, 9], "records that came late are recalled in their place");
    let next = Position { epoch: 7, number: 2 };
    apply(tier, &[Record { group: Group::Everything, position: next }]).await;
    let found = recall(tier).await;
    promise(found.position == Some(next), "an apply of another epoch takes over the position");
    promise(found.records.last().is_some_and(|r| r.position == next), "the epoch in force is recalled last");
    promise(found.records.len() == 4, "records of an epoch that ended stay until they are swept");
}

/// What has been swept is forgotten, and nothing else.
pub async fn swept_records_are_forgotten(tier: &impl Tier) {
    apply(tier, &groups()).await;
    let forget = |number| Step { forget: Some(Position { epoch: 42, number }), ..step(8) };
    kept("upkeep succeeds", tier.tidy(forget(4)).await);
    let found = recall(tier).await;
    promise(found.records == groups()[2..], "records up to the swept position are forgotten, later ones stay");
    promise(found.position == at(6), "forgetting records does not move the position");
    kept("upkeep succeeds", tier.tidy(Step { forget: Some(Position { epoch: 1, number: 99 }), ..step(8) }).await);
    promise(recall(tier).await.records == groups()[2..], "a position of a strange epoch forgets nothing");
    let next = Position { epoch: 43, number: 1 };
    apply(tier, &[Record { group: Group::Everything, position: next }]).await;
    kept("upkeep succeeds", tier.tidy(Step { forget: Some(next), ..step(8) }).await);
    let found = recall(tier).await;
    promise(
        found == Recall { position: Some(next), records: vec![] },
        "a sweep in the new epoch covers those before it",
    );
}

/// The first half of [`super::durable`], for the log.
pub(super) async fn log_before(tier: &impl Tier) {
    apply(tier, &[groups(), vec![tag(2, "late")]].concat()).await;
}

/// The second half of [`super::durable`], for the log.
pub(super) async fn log_after(tier: &impl Tier) {
    let records = [vec![tag(2, "late")], groups()].concat();
    promise(
        recall(tier).await == Recall { position: at(6), records },
        "position and records survive the end of the tier",
    );
}
