//! A birth taken before an invalidation never allows the value after it; nor does a doubt that comes and goes.

use std::sync::Arc;

use shuttle::thread;

use super::world::{Without, World, by_key, key};
use super::{breaks, holds, pause};
use crate::flight::Boarded;
use crate::group::{Cursor, Group, Position, Recall};
use crate::log::{Birth, Log};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// A load by itself, in a thread: birth, source, near.
fn load(world: &World) {
    if let Boarded::Lead(lead) = world.take_place() {
        let early = lead.flight().birth;
        let value = world.source.load(SeqCst);
        pause();
        let birth = if world.without == Without::Birth { world.log.birth() } else { early };
        lead.land(|| world.publish(value, birth), crate::flight::Landing::Kept(value));
    }
}

/// A load, an invalidation, and a hit that looks at what the load left while the log moves on.
fn publish_against_apply(without: Without) {
    let world = World::new(without);
    let (loader, writer, reader) = (Arc::clone(&world), Arc::clone(&world), Arc::clone(&world));
    let loads = thread::spawn(move || load(&loader));
    let reads = thread::spawn(move || {
        // The log has moved, by something that does not name the key: the hit looks closer, and remembers.
        reader.log.append(vec![Group::Key(crate::key::Key::from_stored("video:2"))]);
        reader.hit();
    });
    let writes = thread::spawn(move || {
        pause();
        writer.change();
        assert_ne!(writer.hit(), Some(0), "served after the invalidation that names it");
    });
    for thread in [loads, reads, writes] {
        thread.join().expect("no thread panics");
    }
    assert_ne!(world.hit(), Some(0), "what an invalidation named came back");
}

#[test]
fn a_birth_before_an_invalidation_never_allows_the_value_after_it() {
    holds("publish against apply", || publish_against_apply(Without::Nothing));
}

#[test]
fn a_birth_after_the_source_was_read_is_found() {
    breaks("a late birth", || publish_against_apply(Without::Birth));
}

#[test]
fn a_check_that_counts_records_after_its_lock_is_found() {
    breaks("a late count", || publish_against_apply(Without::CheckUnderLock));
}

/// An own tier holds the old frame until it is told: the second application catches who read it in between.
fn told_between_two_applications(twice: bool) {
    let world = World::new(Without::Nothing);
    let tier = Arc::new(Mutex::new(Some(0)));
    let (reader, read) = (Arc::clone(&world), Arc::clone(&tier));
    let reads = thread::spawn(move || {
        let birth = reader.log.birth();
        let found = *read.lock();
        pause();
        if let Some(value) = found {
            reader.publish(value, birth);
        }
    });
    let records = world.log.append(by_key());
    *tier.lock() = None;
    if twice {
        world.log.apply(&records);
    }
    assert_eq!(world.hit(), None, "promoted between the first application and the tier's answer");
    reads.join().expect("the reader ends");
    assert_eq!(world.hit(), None, "promoted between the first application and the tier's answer");
}

#[test]
fn what_a_tier_still_had_does_not_outlive_the_invalidation() {
    holds("applied twice", || told_between_two_applications(true));
}

#[test]
fn one_application_is_found_to_be_too_few() {
    breaks("applied once", || told_between_two_applications(false));
}

fn shared_log() -> Log {
    Log::resume(&Recall::default(), 7, 16, true)
}

fn place(number: u64) -> Cursor {
    Cursor { position: Position { epoch: 9, number }, nonce: number }
}

/// Runs `work` in a thread while near holds what was loaded before, and watches until it is done.
fn beside(world: &Arc<World>, work: impl FnOnce(&World) + Send + 'static) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || work(&world))
}

/// Another node invalidates while this one is in doubt; a strict shelf has no plain hit until the record is applied.
fn doubt(proves_first: bool) {
    let world = World::of(shared_log(), true, Without::Nothing);
    world.log.prove();
    world.publish(0, world.log.birth());
    let doubted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&doubted);
    let follows = beside(&world, move |world| {
        world.log.suspect();
        seen.store(true, SeqCst);
        if proves_first {
            world.log.prove();
        }
        world.log.hear(vec![(Group::Key(key()), place(1))]);
        if !proves_first {
            world.log.prove();
        }
    });
    let elsewhere = beside(&world, |world| {
        world
            .log
            .append(vec![Group::Namespace("video-not".into()), Group::Key(crate::key::Key::from_stored("video:2"))]);
    });
    pause();
    let before = doubted.load(SeqCst);
    assert!(!before || world.plain().is_none(), "a plain hit in a strict shelf, in doubt");
    for thread in [follows, elsewhere] {
        thread.join().expect("no thread panics");
    }
    assert_eq!(world.hit(), None, "what another node invalidated came back when the doubt ended");
}

#[test]
fn a_strict_shelf_passes_nothing_while_in_doubt() {
    holds("doubt", || doubt(false));
}

#[test]
fn a_doubt_that_ends_before_the_records_are_applied_is_found() {
    breaks("proved, then heard", || doubt(true));
}

/// In doubt for too long: what was known before is not served any more, not even by who is just looking.
fn capped(without: Without) {
    let world = World::of(shared_log(), false, without);
    world.log.prove();
    world.publish(0, world.log.birth());
    world.log.append(vec![Group::Key(crate::key::Key::from_stored("video:2"))]);
    world.log.suspect();
    let looks = beside(&world, |world| {
        world.hit();
    });
    pause();
    world.log.cap();
    assert_eq!(world.hit(), None, "served on trust for longer than allowed");
    looks.join().expect("the reader ends");
    assert_eq!(world.hit(), None, "served on trust for longer than allowed");
    world.publish(2, world.log.birth());
    assert_eq!(world.hit(), Some(2), "what comes after the cap is served");
}

#[test]
fn after_the_cap_nothing_from_before_it_is_served() {
    holds("capped", || capped(Without::Nothing));
}

#[test]
fn a_look_that_outlasts_the_cap_is_found() {
    breaks("a late count at the cap", || capped(Without::CheckUnderLock));
}

/// The numbers of a birth never run ahead of what was applied when it was taken.
#[test]
fn a_birth_knows_no_record_that_is_not_applied() {
    holds("a birth and three writers", || {
        let log = Arc::new(shared_log());
        log.prove();
        let writers = (0..2).map(|_| {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                log.append(by_key());
            })
        });
        let writers: Vec<_> = writers.collect();
        let Birth { seq, position, .. } = log.birth();
        let named = log.unnamed_since(&key(), [].into_iter(), seq);
        assert!(named.is_none_or(|now| now >= seq));
        assert!(position.number <= 1 + 2);
        writers.into_iter().for_each(|writer| writer.join().expect("it wrote"));
        let Birth { seq, position, .. } = log.birth();
        assert_eq!((seq, position.number), (2, 3), "a number was given out twice, or lost");
        assert_eq!(log.unnamed_since(&key(), [].into_iter(), seq), Some(seq));
        assert_eq!(log.unnamed_since(&key(), [].into_iter(), seq - 1), None);
    });
}
