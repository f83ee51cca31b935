use std::sync::Arc;

use super::miniature::{Play, Size};
use super::records::{MOST, Records, SIZES};
use super::room::Room;
use super::sampler::Sampler;
use super::simulation::{Event, FACTORS, PRESENT, Simulation, Stored, What};
use crate::stats::{Counters, count};

const NOW: u64 = 1_000_000;
const HOT: f64 = 0.6;

fn room() -> Arc<Room> {
    Arc::new(Room::of(1 << 20))
}

fn engine(_: u64, capacity: u64) -> Size {
    Size { bytes: capacity, largest: (capacity as f64 * HOT) as u64, ghosts: 100 }
}

/// A stream of keys without a seed: some often, some once, and a scan now and then.
fn stream(calls: u64) -> impl Iterator<Item = u64> {
    (0..calls).map(|n| {
        let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 27;
        match z % 10 {
            0..5 => z / 10 % 20,
            5..8 => z / 10 % 200,
            8 => n % 600,
            _ => 1_000 + n % 300,
        }
    })
}

/// Spread, and with a first bit, so that halving the sample takes about half of the keys.
fn hash(key: u64) -> u64 {
    let z = (key ^ (key >> 31)).wrapping_add(0x1234_5678).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

fn event(key: u64, what: What) -> Event {
    Event { hash: hash(key), now: NOW, what }
}

fn stored(weight: u32) -> What {
    What::Stored(Stored { weight, fresh_until: u64::MAX >> 1, stale_until: u64::MAX >> 1, checked: 0 })
}

const MISS: What = What::Miss { named: 0, seq: 0 };

#[derive(Clone)]
struct ByWeight;

impl quick_cache::Weighter<u64, u64> for ByWeight {
    fn weight(&self, _: &u64, weight: &u64) -> u64 {
        *weight
    }
}

type Quick = quick_cache::unsync::Cache<u64, u64, ByWeight>;

fn quick(capacity: u64) -> Quick {
    let mut options = quick_cache::OptionsBuilder::new();
    options.estimated_items_capacity(200).weight_capacity(capacity).hot_allocation(HOT).shards(1);
    let options = options.build().expect("options");
    Quick::with_options(options, ByWeight, quick_cache::DefaultHashBuilder::default(), Default::default())
}

fn weight(key: u64) -> u64 {
    10 + key % 7
}

#[test]
fn with_every_key_sampled_each_size_misses_what_an_engine_of_that_size_misses() {
    let capacity = 400;
    let mut simulation = Simulation::new(Play::Clock { hot: HOT }, capacity, engine, room());
    let mut engines = FACTORS.map(|factor| (quick((capacity as f64 * factor) as u64), 0_u32));
    for key in stream(60_000) {
        let mut present = false;
        for (at, (engine, missed)) in engines.iter_mut().enumerate() {
            let hit = engine.get(&key).is_some();
            if !hit {
                *missed += 1;
                engine.insert(key, weight(key));
            }
            if at == PRESENT {
                present = hit;
            }
        }
        simulation.apply(&event(key, if present { What::Hit } else { MISS }));
        if !present {
            simulation.apply(&event(key, stored(weight(key) as u32)));
        }
    }
    assert_eq!(simulation.levels(), &[0; SIZES], "all were to be sampled");
    assert_eq!(simulation.missed.of, engines.map(|(_, missed)| f64::from(missed)));
}

#[test]
fn what_is_invalid_or_past_its_ttl_is_missed_in_all_sizes() {
    let mut simulation = Simulation::new(Play::Clock { hot: HOT }, 10_000, engine, room());
    let until =
        |fresh_until, checked| What::Stored(Stored { weight: 10, fresh_until, stale_until: fresh_until, checked });
    simulation.apply(&event(1, MISS));
    simulation.apply(&event(1, until(NOW + 1_000, 0)));
    // The log has named it at its fifth place: it is missed, and then good again.
    simulation.apply(&event(1, What::Miss { named: 5, seq: 7 }));
    simulation.apply(&event(1, until(NOW + 1_000, 7)));
    assert_eq!(simulation.missed.of, [2.0; SIZES]);
    // The cache itself has dropped it, and larger ones have not.
    simulation.apply(&event(1, What::Miss { named: 5, seq: 7 }));
    assert_eq!(simulation.missed.of, [2.0; SIZES]);
    simulation.apply(&Event { now: NOW + 1_000, ..event(1, What::Miss { named: 5, seq: 7 }) });
    assert_eq!(simulation.missed.of, [3.0; SIZES]);
    simulation.apply(&event(1, until(NOW + 9_000, 7)));
    simulation.apply(&event(1, What::Removed));
    simulation.apply(&event(1, MISS));
    assert_eq!(simulation.missed.of, [4.0; SIZES]);
}

#[test]
fn a_value_that_never_comes_is_not_kept_waiting_for() {
    let mut simulation = Simulation::new(Play::Fifo, 1 << 40, engine, room());
    for key in 0..100_000 {
        simulation.apply(&event(key, MISS));
    }
    assert!(simulation.records.len() <= MOST);
    assert_eq!(simulation.levels(), &[0; SIZES], "what fails is no reason to sample less");
}

#[test]
fn a_million_keys_are_sampled_ever_less_and_stay_within_the_bound() {
    let counters = Arc::new(Counters::default());
    let room = room();
    let sampler = Sampler::new(Play::Clock { hot: HOT }, 1 << 30, engine, &room, &counters);
    let mut levels = Vec::new();
    for key in 0..1_000_000 {
        count(&counters.misses);
        let hash = hash(key);
        if sampler.samples(hash) {
            sampler.missed(hash, NOW, 0, 0);
            sampler.stored(
                hash,
                Stored { weight: 100, fresh_until: u64::MAX >> 1, stale_until: u64::MAX >> 1, checked: 0 },
            );
        }
        if key % 100_000 == 0 {
            levels.push(sampler.curve(NOW).rate);
        }
    }
    let curve = sampler.curve(NOW);
    assert!(levels.is_sorted_by(|a, b| a >= b), "{levels:?}");
    assert!(levels[0] == 1.0 && curve.rate < 0.01, "{levels:?}, {}", curve.rate);
    assert!(curve.sampled <= MOST as u64, "{} keys", curve.sampled);
    assert!(curve.bytes <= MOST * Records::EACH + 64 * 1024, "{} bytes", curve.bytes);
    assert_eq!(curve.lost, 0);
    assert!(curve.points.iter().all(|point| (point.miss_ratio - 1.0).abs() < 1e-9), "{curve:?}");
}

#[test]
fn sites_that_find_no_room_sample_less() {
    let counters = Arc::new(Counters::default());
    let room = Arc::new(Room::of(100 * 1024));
    let sites: Vec<Sampler> =
        (0..50).map(|_| Sampler::new(Play::Clock { hot: HOT }, 1 << 30, engine, &room, &counters)).collect();
    for key in 0..20_000 {
        for sampler in &sites {
            count(&counters.misses);
            if sampler.samples(hash(key)) {
                sampler.stored(
                    hash(key),
                    Stored { weight: 100, fresh_until: u64::MAX >> 1, stale_until: u64::MAX >> 1, checked: 0 },
                );
                sampler.missed(hash(key), NOW, 0, 0);
            }
        }
    }
    let curves: Vec<_> = sites.iter().map(|sampler| sampler.curve(NOW)).collect();
    let sampled: u64 = curves.iter().map(|curve| curve.sampled).sum();
    assert!(sampled as usize * Records::EACH <= 100 * 1024 + 50 * 64 * Records::EACH, "{sampled} keys");
    assert!(curves.iter().all(|curve| curve.sampled > 8), "each site has some");
    drop(sites);
    assert!(room.take(100 * 1024), "what was taken was not given back");
}

#[test]
fn a_hot_key_is_noted_once_until_something_changes() {
    let counters = Arc::new(Counters::default());
    let sampler = Sampler::new(Play::Clock { hot: HOT }, 1 << 30, engine, &room(), &counters);
    for _ in 0..1_000_000 {
        counters.hits.add();
        sampler.hit(hash(1), NOW);
    }
    let curve = sampler.curve(NOW);
    assert_eq!((curve.lost, curve.rate, curve.references), (0, 1.0, 1e6));
}

#[test]
fn what_was_counted_fades_by_half_every_ten_minutes() {
    let counters = Arc::new(Counters::default());
    let sampler = Sampler::new(Play::Clock { hot: HOT }, 1 << 30, engine, &room(), &counters);
    let calls = |from: u64, now: u64| {
        for key in from..from + 1_000 {
            count(&counters.misses);
            sampler.missed(hash(key), now, 0, 0);
        }
        sampler.curve(now)
    };
    assert_eq!(calls(0, NOW).references, 1_000.0);
    let curve = calls(1_000, NOW + 1_200_000);
    assert!((1_200.0..1_500.0).contains(&curve.references), "{}", curve.references);
    assert!((curve.estimated - 1.0).abs() < 0.1, "{curve:?}");
}
