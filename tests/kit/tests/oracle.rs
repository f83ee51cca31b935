//! The checker finds what is wrong in made-up logs, and nothing in right ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kit::{Chance, Event, Log, Source, check, now, read_logs};

fn write(node: u32, version: u64, called_at: u64, returned_at: u64) -> Event {
    Event::Write { key: "k".into(), version, called_at, returned_at, node }
}

fn read(node: u32, version: u64, started_at: u64, ended_at: u64) -> Event {
    Event::Read { key: "k".into(), version, started_at, ended_at, node }
}

#[test]
fn a_node_that_reads_what_it_has_invalidated_is_found() {
    let report = check(&[write(1, 1, 10, 20), read(1, 0, 21, 22)]);
    let [violation] = report.violations.as_slice() else { panic!("one violation: {report}") };
    assert_eq!((violation.node, violation.read, violation.written), (1, 0, 1));
    assert_eq!(violation.age, Duration::from_nanos(1));
    assert!(report.to_string().contains("node 1 read version 0 of \"k\""));
}

#[test]
fn a_later_write_hides_no_violation() {
    let events = [write(1, 3, 10, 90), write(1, 2, 10, 20), read(1, 1, 50, 51), write(1, 4, 60, 70)];
    assert_eq!(check(&events).violations.len(), 1);
    let events = [write(1, 3, 10, 20), write(1, 2, 10, 90), read(1, 1, 50, 51)];
    assert_eq!(check(&events).violations.len(), 1, "a newer version returned first");
}

#[test]
fn what_overlaps_is_no_violation() {
    let right = [read(1, 0, 15, 30), write(1, 1, 10, 20), read(1, 0, 20, 21), read(1, 1, 21, 22), read(1, 2, 21, 22)];
    let report = check(&right);
    assert!(report.violations.is_empty(), "{report}");
    assert_eq!((report.reads, report.writes, report.stale.count), (4, 1, 0));
}

#[test]
fn another_key_or_node_is_no_violation() {
    let other = Event::Write { key: "other".into(), version: 9, called_at: 1, returned_at: 2, node: 1 };
    let report = check(&[write(2, 1, 10, 20), other, read(1, 0, 120, 130)]);
    assert!(report.violations.is_empty());
    assert_eq!((report.stale.count, report.stale.max), (1, Duration::from_nanos(100)));
}

#[test]
fn ages_are_told_from_the_first_newer_write() {
    let mut events = vec![write(2, 1, 900, 1000), write(2, 2, 1900, 2000)];
    events.extend((1..=100).map(|age| read(1, 0, 1000 + age, 5000)));
    events.push(read(1, 1, 2001, 2002));
    let stale = check(&events).stale;
    let nanos = |d: Duration| d.as_nanos();
    assert_eq!((stale.count, nanos(stale.p50), nanos(stale.p99), nanos(stale.max)), (101, 50, 99, 100));
}

#[test]
fn the_quick_checker_agrees_with_a_plain_one() {
    let mut chance = Chance::seeded(5);
    for _ in 0..300 {
        let events: Vec<Event> = (0..30).map(|_| random(&mut chance)).collect();
        let (violations, stale) = plain(&events);
        let report = check(&events);
        assert_eq!((report.violations.len(), report.stale.count), (violations, stale), "{events:?}");
    }
}

fn random(chance: &mut Chance) -> Event {
    let (node, version, at) = (chance.below(2) as u32, chance.below(5), chance.below(40));
    if chance.below(2) == 0 { write(node, version, at, at + 5) } else { read(node, version, at, at + 5) }
}

/// Counts violations and stale reads by comparing each read with each write.
fn plain(events: &[Event]) -> (usize, usize) {
    let missed = |read: &Event, own: bool| {
        let Event::Read { version: got, started_at, node: reader, .. } = read else { return false };
        events.iter().any(|event| match event {
            Event::Write { version, returned_at, node, .. } => {
                version > got && returned_at < started_at && (!own || node == reader)
            }
            Event::Read { .. } => false,
        })
    };
    let count = |own| events.iter().filter(|event| missed(event, own)).count();
    (count(true), count(false))
}

#[test]
fn logs_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (file, torn) = (folder.path().join("1"), folder.path().join("2"));
    let log = Log::create(&file, 7).expect("it can be written");
    let begun = now();
    log.wrote("a key with spaces", 3, begun);
    log.read("", 2, begun);
    log.flush();
    std::fs::write(&torn, "R 1 2 3 4 k\nR 1 2 3").expect("it can be written");
    let events = read_logs([&file, &torn]);
    assert_eq!(events.len(), 3);
    assert!(matches!(&events[0], Event::Write { key, version: 3, called_at, returned_at, node: 7 }
        if key == "a key with spaces" && *called_at == begun && *returned_at >= begun));
    assert!(matches!(&events[1], Event::Read { key, version: 2, .. } if key.is_empty()));
    assert_eq!(events[2], "R 1 2 3 4 k".parse().expect("it is an event"));
    assert!("X 1 2 3 4 k".parse::<Event>().is_err());
}

/// A cache of one value in front of a source, which may forget to invalidate.
fn run(invalidates: bool) -> usize {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("log");
    let (log, source, cached) =
        (Log::create(&file, 1).expect("it can be written"), Source::default(), AtomicU64::new(0));
    for _ in 0..100 {
        let begun = now();
        let version = source.commit("k");
        if invalidates {
            cached.store(source.read("k"), Ordering::Relaxed);
        }
        log.wrote("k", version, begun);
        std::thread::sleep(Duration::from_micros(1));
        let begun = now();
        log.read("k", cached.load(Ordering::Relaxed), begun);
    }
    drop(log);
    check(&read_logs([file])).violations.len()
}

#[test]
fn a_cache_that_forgets_to_invalidate_is_found() {
    assert_eq!(run(true), 0);
    assert_eq!(run(false), 100);
}
