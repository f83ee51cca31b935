//! What a log finds out in worlds that are known.
//!
//! `cargo test -p cached-runtime --lib accesses::worlds -- --nocapture` prints the figures.

use std::collections::HashSet;

use super::{AccessLog, Figures, Hour, Wish};
use crate::chance::Chance;
use crate::clock::Millis;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
/// A midnight.
const START: Millis = 11_574 * 24 * HOUR;

/// The key of rank n is asked for 1/n as often as the first.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(keys: usize) -> Self {
        let sum = (1..=keys).scan(0.0, |sum, n| {
            *sum += 1.0 / n as f64;
            Some(*sum)
        });
        Self(sum.collect())
    }

    fn key(&self, chance: &Chance) -> usize {
        let at = chance.part() * self.0.last().expect("keys");
        self.0.partition_point(|sum| *sum <= at)
    }
}

/// Which of the 100 hottest of 10,000 keys a log knows after so many notes of this weight.
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn overlap(seed: u64, notes: u64, weight: u32) -> f64 {
    let (log, zipf, chance) = (AccessLog::new(100, START), Zipf::new(10_000), Chance::new(seed));
    for n in 0..notes {
        let key = zipf.key(&chance);
        log.note(Chance::new(key as u64).next(), weight, START + n * 10 * MINUTE / notes, || Some(key.to_string()));
    }
    let hottest = log.hottest(&Wish { most: 100, least: 0.0 }, None, None, START);
    let right = hottest.iter().filter(|text| text.parse().is_ok_and(|key: usize| key < 100)).count();
    println!("seed {seed}: {notes} notes of weight {weight}: {right} of the 100 hottest");
    right as f64 / 100.0
}

#[test]
fn the_hottest_of_many_are_found_in_a_table_of_a_few() {
    for seed in 0..3 {
        assert!(overlap(seed, 200_000, 1) >= 0.9);
        assert!(overlap(seed, 200_000, 128) >= 0.9);
    }
}

/// A node, what it saves, and its clock.
struct World {
    log: AccessLog,
    most: usize,
    saved: Vec<Hour>,
    now: Millis,
    chance: Chance,
    /// In how many of its hours the log thought that it saw a daily pattern, and by how much of all accesses the time of
    /// day did better at best.
    daily: u32,
    better: f64,
}

impl World {
    fn new(most: usize, seed: u64) -> Self {
        let saved = vec![Hour::default(); 24];
        let chance = Chance::new(seed);
        Self { log: AccessLog::new(most, START), most, saved, now: START, chance, daily: 0, better: -1.0 }
    }

    fn saved(&self, ahead: Millis) -> &Hour {
        &self.saved[usize::from(Hour::of_day(self.now + ahead))]
    }

    fn hottest(&self, most: usize) -> Vec<String> {
        self.log.hottest(&Wish { most, least: 0.0 }, Some(self.saved(0)), Some(self.saved(HOUR)), self.now)
    }

    /// An hour of accesses, evenly spread, and a look at the clock each minute.
    fn hour(&mut self, accesses: u64, weight: u32, key: impl Fn(&Chance) -> usize) {
        let ends = self.now + HOUR;
        let (start, mut minute) = (self.now, self.now);
        for n in 0..accesses {
            self.now = start + n * HOUR / accesses;
            while minute + MINUTE <= self.now {
                minute += MINUTE;
                self.tick();
            }
            let key = key(&self.chance);
            self.log.note(Chance::new(key as u64).next(), weight, self.now, || Some(key.to_string()));
        }
        self.now = ends;
        self.tick();
        let Figures { daily, by_score, by_hour, judged, .. } = self.log.figures();
        self.daily += u32::from(daily);
        if judged >= 12.0 {
            self.better = self.better.max(by_hour - by_score);
        }
    }

    fn tick(&mut self) {
        if let Some(ended) = self.log.hour_over(self.now) {
            let saved = &mut self.saved[usize::from(ended.hour)];
            *saved = std::mem::take(saved).with(ended.day, &ended.counts, self.most);
            self.log.begin_hour(Some(&self.saved[usize::from(Hour::of_day(self.now))]), self.now);
        }
    }

    #[allow(clippy::print_stdout, reason = "the figures are there to be read")]
    fn print(&self, name: &str) {
        let Figures { keys, daily, by_score, by_hour, judged } = self.log.figures();
        println!(
            "{name:34} keys {keys:4}  covered lately {:5.1} %  by the hour {:5.1} %  at best {:+5.2} %  {judged:4.1} h  daily {daily}",
            by_score * 100.0,
            by_hour * 100.0,
            self.better * 100.0,
        );
    }
}

/// Keys from 0 are wanted by day, from 1,000 by night; so many accesses an hour.
fn by_day_and_night(world: &mut World, hours: usize, accesses: u64) {
    let zipf = Zipf::new(200);
    for _ in 0..hours {
        let set = if (8..18).contains(&Hour::of_day(world.now)) { 0 } else { 1_000 };
        world.hour(accesses, 1, |chance| set + zipf.key(chance));
    }
}

fn of_the_day(texts: &[String]) -> usize {
    texts.iter().filter(|text| text.len() < 4).count()
}

#[test]
fn where_day_and_night_want_other_keys_those_to_come_are_named_before_they_are_wanted() {
    let mut world = World::new(50, 1);
    by_day_and_night(&mut world, 24, 1_000);
    assert!(!world.log.figures().daily, "one day is no pattern");
    by_day_and_night(&mut world, 4 * 24, 1_000);
    world.print("day and night");
    let Figures { daily, by_score, by_hour, .. } = world.log.figures();
    assert!(daily && by_hour > by_score + 0.05);
    by_day_and_night(&mut world, 7, 1_000);
    world.now += 55 * MINUTE;
    let hottest = world.hottest(50);
    assert!(of_the_day(&hottest) >= 45, "{hottest:?}");
    assert_eq!(hottest.iter().collect::<HashSet<_>>().len(), 50);
    // And those of the night before the evening.
    world.now -= 55 * MINUTE;
    by_day_and_night(&mut world, 10, 1_000);
    world.now += 58 * MINUTE;
    assert!(of_the_day(&world.hottest(50)) <= 5);
    // Without what was saved by the hour it is what was wanted lately.
    assert_eq!(of_the_day(&world.log.hottest(&Wish { most: 50, least: 0.0 }, None, None, world.now)), 50);
}

#[test]
fn a_pattern_is_seen_in_few_accesses_too() {
    let mut world = World::new(50, 3);
    by_day_and_night(&mut world, 5 * 24, 60);
    world.print("day and night, 60 an hour");
    assert!(world.log.figures().daily);
}

#[test]
fn the_pattern_survives_a_restart() {
    let mut world = World::new(50, 2);
    by_day_and_night(&mut world, 5 * 24, 1_000);
    let recent = world.log.recent(world.now);
    let log = AccessLog::new(50, world.now);
    assert!(!log.figures().daily);
    log.restore(&recent, world.now);
    assert!(log.figures().daily);
    let before = std::mem::replace(&mut world.log, log);
    assert_eq!(world.log.figures().by_hour.to_bits(), before.figures().by_hour.to_bits());
    by_day_and_night(&mut world, 24, 1_000);
    assert!(world.log.figures().daily);
}

#[test]
fn where_all_hours_are_alike_no_pattern_is_seen() {
    let zipf = Zipf::new(1_000);
    for (seed, (accesses, weight)) in
        (1..).zip([(20, 1), (50, 1), (100, 1), (500, 1), (1_000, 1), (20, 128), (200, 128)])
    {
        for seed in [seed, seed + 100, seed + 200] {
            let mut world = World::new(50, seed);
            (0..10 * 24).for_each(|_| world.hour(accesses, weight, |chance| zipf.key(chance)));
            world.print(&format!("alike, {accesses} x {weight} an hour, seed {seed}"));
            assert_eq!(world.daily, 0);
        }
    }
}

#[test]
fn where_keys_come_and_go_at_random_no_pattern_is_seen() {
    let zipf = Zipf::new(1_000);
    for (seed, part) in (1..).zip([0.01, 0.1, 0.5]) {
        let mut world = World::new(50, seed);
        let mut keys: Vec<_> = (0..1_000).collect();
        for _ in 0..10 * 24 {
            world.hour(1_000, 1, |chance| keys[zipf.key(chance)]);
            for rank in 0..keys.len() {
                if world.chance.happens(part) {
                    keys.swap(rank, world.chance.below(1_000) as usize);
                }
            }
        }
        world.print(&format!("drift, {:.0} % an hour", part * 100.0));
        assert_eq!(world.daily, 0);
    }
}

/// Working sets that take turns, but not by the clock.
#[test]
fn where_sets_of_keys_take_turns_at_random_no_pattern_is_seen() {
    let zipf = Zipf::new(200);
    for seed in 1..=3 {
        let (mut world, mut set) = (World::new(50, seed), 0);
        for _ in 0..10 * 24 {
            if world.chance.happens(0.1) {
                set = 1_000 * world.chance.below(4) as usize;
            }
            world.hour(1_000, 1, |chance| set + zipf.key(chance));
        }
        world.print(&format!("sets in turns, seed {seed}"));
        assert_eq!(world.daily, 0);
    }
}
