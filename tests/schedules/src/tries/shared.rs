//! Frames of a tier that nodes share, judged by the places of their shared log.

use std::sync::Arc;

use shuttle::thread;

use super::{breaks, holds, pause};
use crate::codec::{Frame, Head};
use crate::group::{Cursor, Group, Position, Recall};
use crate::key::Key;
use crate::log::{Adopted, Birth, Log};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::SeqCst};

const EPOCH: u64 = 9;

fn place(number: u64) -> Cursor {
    Cursor { position: Position { epoch: EPOCH, number }, nonce: number }
}

fn key(n: u64) -> Key {
    Key::from(format!("video:{n}"))
}

fn frame(value: u64, birth: Birth) -> Frame {
    let head = Head {
        fingerprint: 1,
        birth: birth.position,
        shared: birth.shared,
        born: 0,
        fresh_until: u64::MAX,
        stale_until: u64::MAX,
        key: key(1),
        tags: Arc::from([]),
        format: 0,
        compression: 0,
        raw_len: 8,
    };
    Frame::seal(head, &value.to_le_bytes()).expect("it fits")
}

/// A node, a source, and the log that it shares with another node.
struct Shared {
    log: Log,
    source: AtomicU64,
    records: Mutex<Vec<Group>>,
}

impl Shared {
    fn new() -> Arc<Self> {
        let log = Log::resume(&Recall::default(), 7, 16, true);
        log.adopt(Adopted { top: place(1), groups: Vec::new() }, false);
        log.prove();
        Arc::new(Self { log, source: AtomicU64::new(0), records: Mutex::new(vec![Group::Everything]) })
    }

    /// A record reaches the log that nodes share, at its place.
    fn tell(&self, group: Group) -> Cursor {
        let mut records = self.records.lock();
        records.push(group);
        place(records.len() as u64)
    }

    /// What the node has not read yet.
    fn follow(&self, from: u64) -> u64 {
        let records = self.records.lock().clone();
        let skip = usize::try_from(from).expect("a short log");
        let heard: Vec<_> = records.into_iter().enumerate().skip(skip).collect();
        let top = from + heard.len() as u64;
        self.log.hear(heard.into_iter().map(|(n, group)| (group, place(n as u64 + 1))).collect());
        top
    }

    fn load(&self, late: bool) -> Frame {
        let early = self.log.birth();
        let value = self.source.load(SeqCst);
        pause();
        frame(value, if late { self.log.birth() } else { early })
    }
}

/// Another node changes the source and says so; this one writes a record of its own meanwhile, loads and follows.
fn another_node_invalidates(late: bool) {
    let shared = Shared::new();
    let (other, own, loader) = (Arc::clone(&shared), Arc::clone(&shared), Arc::clone(&shared));
    let others = thread::spawn(move || {
        pause();
        other.source.store(1, SeqCst);
        other.tell(Group::Key(key(1)));
    });
    let owns = thread::spawn(move || {
        let groups = vec![Group::Key(key(2))];
        own.log.append(groups.clone());
        let at = own.tell(groups[0].clone());
        own.log.appended(&groups, at);
    });
    let loads = thread::spawn(move || loader.load(late));
    let mut read = shared.follow(1);
    for thread in [others, owns] {
        thread.join().expect("no thread panics");
    }
    read = shared.follow(read);
    let frame = loads.join().expect("the load ends");
    assert_eq!(read, 3, "the log holds what both wrote");
    let old = frame.payload() == 0_u64.to_le_bytes();
    assert!(!old || !shared.log.allows_shared(&frame), "a frame from before another node's invalidation is allowed");
    let later = shared.load(false);
    assert!(shared.log.allows_shared(&later), "a frame from after it is not allowed");
}

#[test]
fn a_frame_from_before_another_nodes_record_is_not_allowed_once_that_is_heard() {
    holds("heard and appended", || another_node_invalidates(false));
}

#[test]
fn a_shared_birth_taken_after_the_source_was_read_is_found() {
    breaks("a late shared birth", || another_node_invalidates(true));
}

/// The log is lost and begins anew while an own record is on its way: its place says nothing in the new one.
fn begins_anew(checks_epoch: bool) {
    let shared = Shared::new();
    let own = Arc::clone(&shared);
    let owns = thread::spawn(move || {
        let groups = vec![Group::Key(key(1))];
        own.log.append(groups.clone());
        let mut at = own.tell(groups[0].clone());
        if !checks_epoch {
            at.position.epoch = own.log.shared_top().position.epoch;
        }
        own.log.appended(&groups, at);
    });
    pause();
    let anew = Cursor { position: Position { epoch: EPOCH + 1, number: 1 }, nonce: 1 };
    shared.log.adopt(Adopted { top: anew, groups: Vec::new() }, true);
    owns.join().expect("it wrote");
    assert_eq!(shared.log.shared_top(), anew, "a place of the lost log was taken for one of the new");
}

#[test]
fn a_place_of_a_lost_log_says_nothing_in_the_new_one() {
    holds("the log begins anew", || begins_anew(true));
}

#[test]
fn a_place_of_unknown_epoch_is_found() {
    breaks("the epoch is not looked at", || begins_anew(false));
}
