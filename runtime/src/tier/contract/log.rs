//! Promises about the log: what is applied stays in force until it has been swept.

use super::{frame, kept, payload, promise, put, record, step, tag};
use crate::group::{Cursor, Group, Note, Position, Record};
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
    let expected = Recall { position: at(8), ..Recall::default() };
    promise(found == expected, "a removed key moves the position and is no record");
    put(tier, &[frame("v:a", b"3")]).await;
    promise(payload(tier, "v:a").await.as_deref() == Some(b"3"), "a removed key can be put again");
}

/// Every other group is recorded with its position and recalled oldest first.
pub async fn groups_are_recorded_in_order(tier: &impl Tier) {
    let all = groups();
    apply(tier, &all[..1]).await;
    apply(tier, &all[1..]).await;
    promise(
        recall(tier).await == Recall { position: at(6), records: all, ..Recall::default() },
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
        found == Recall { position: Some(next), ..Recall::default() },
        "a sweep in the new epoch covers those before it",
    );
}

/// What is removed is gone from this tier, and nothing is invalidated by it.
pub async fn removed_frames_go_and_nothing_else_happens(tier: &impl Tier) {
    put(tier, &[frame("v:a", b"1"), frame("v:b", b"2")]).await;
    let keys = [Key::from_stored("v:a"), Key::from_stored("v:absent")];
    kept("a removal succeeds", tier.remove(&keys).await);
    promise(payload(tier, "v:a").await.is_none(), "a removed frame is gone");
    promise(payload(tier, "v:b").await.is_some(), "other frames stay");
    promise(recall(tier).await == Recall::default(), "a removal is no invalidation");
}

fn noted() -> Recall {
    let read = Cursor { position: Position { epoch: u64::MAX, number: 5 }, nonce: u64::MAX };
    let owed = vec![Group::Key(Key::from_stored("v:日本語")), Group::Tag("t:'quoted'".into())];
    Recall { owed, read: Some(read), ..Recall::default() }
}

async fn note(tier: &impl Tier, note: &Note) {
    kept("a note succeeds", tier.note(note).await);
}

async fn note_all(tier: &impl Tier) {
    let Recall { owed, read, .. } = noted();
    note(tier, &Note::Read(Cursor::default())).await;
    for group in owed.iter().chain(&owed) {
        note(tier, &Note::Owed(vec![group.clone()])).await;
    }
    if let Some(read) = read {
        note(tier, &Note::Read(read)).await;
    }
}

/// What the shared log is owed is kept until it has been told, and how far it was read until it is read further.
pub async fn notes_are_kept(tier: &impl Tier) {
    note_all(tier).await;
    let mut found = recall(tier).await;
    found.owed.sort_by_key(Group::to_text);
    found.owed.dedup();
    promise(found == noted(), "what is owed and how far the log was read are recalled");
    note(tier, &Note::Told).await;
    let found = recall(tier).await;
    promise(found.owed.is_empty(), "what the log was told of is not owed any more");
    promise(found.read == noted().read, "how far the log was read stays when it has been told");
}

/// The first half of [`super::durable`], for the log.
pub(super) async fn log_before(tier: &impl Tier) {
    note_all(tier).await;
    apply(tier, &[groups(), vec![tag(2, "late")]].concat()).await;
}

/// The second half of [`super::durable`], for the log.
pub(super) async fn log_after(tier: &impl Tier) {
    let records = [vec![tag(2, "late")], groups()].concat();
    let mut found = recall(tier).await;
    found.owed.sort_by_key(Group::to_text);
    found.owed.dedup();
    promise(
        found == Recall { position: at(6), records, ..noted() },
        "position, records and notes survive the end of the tier",
    );
}
