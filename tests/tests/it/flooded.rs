//! Keys chosen by somebody who wants all of them to fall into one place, and names without number.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use cached_runtime::chance::Chance;
use cached_runtime::{Cache, Eviction, SetOptions};
use rustix::time::{ClockId, clock_gettime};

fn many() -> u64 {
    if full() { 100_000 } else { 20_000 }
}

fn full() -> bool {
    std::env::var_os("CACHED_FULL").is_some()
}

/// Sums up what it is given: the kind of hash that such keys are made for.
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 ^= (word ^ (word >> 32)) & 0xFFFF_FFFF;
    }
}

/// The key of this number, among those that somebody has chosen.
type Shape = fn(u64) -> u64;

/// Numbers whose halves are equal, whose lower bits are all zero, and whose upper bits are.
const SHAPES: [(&str, Shape); 4] = [
    ("equal halves", |n| n << 32 | n),
    ("lower half zero", |n| n << 32),
    ("lower forty zero", |n| n << 40),
    ("one by one", |n| n),
];

/// CPU time of this thread: what else the machine does drops out.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
}

fn cost(eviction: Eviction, key: impl Fn(u64) -> (u64, String)) -> Duration {
    let cache = Cache::builder().near_bytes(256 << 20).eviction(eviction).build().unwrap();
    let names = cache.namespace::<u64>("flooded").unwrap();
    let texts = cache.namespace::<u64>("flooded-text").unwrap();
    let keys: Vec<(u64, String)> = (0..many()).map(key).collect();
    let start = cpu();
    for (number, text) in &keys {
        names.set(*number, 1);
        texts.set(text.as_str(), 1);
    }
    let took = cpu() - start;
    assert_eq!(cache.stats().total().entries, 2 * many(), "each is there");
    took
}

/// S15: the hash has a seed of its own in each cache.
#[test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn s15_crafted_keys_cost_what_others_cost() {
    for eviction in [Eviction::Clock, Eviction::Fifo] {
        let chance = Chance::new(5);
        let text = |n: u64| format!("{n:016x}");
        let random = cost(eviction, |_| (chance.next(), text(chance.next())));
        for (what, shape) in SHAPES {
            // Two words of sixteen letters that such a hash cannot tell from the same words in another order.
            let crafted = cost(eviction, |n| (shape(n), format!("{}{}", text(shape(n)), text(shape(n)))));
            let ratio = crafted.as_secs_f64() / random.as_secs_f64();
            println!("S15, {eviction:?}, {} keys, {what}: {ratio:.2} times what random ones cost", many());
            assert!(ratio < 10.0, "{what}: {ratio} times as much");
        }
    }
}

/// The control: in a map without a seed the same keys are found one behind the other.
#[test]
fn control_crafted_keys_fall_into_one_place_of_a_map_without_a_seed() {
    let insert = |of: &dyn Fn(u64) -> u64| {
        let mut map: HashMap<u64, u64, BuildHasherDefault<Folded>> = HashMap::default();
        let start = cpu();
        for n in 0..5_000 {
            map.insert(of(n), n);
        }
        cpu() - start
    };
    let chance = Chance::new(5);
    let (crafted, random) = (insert(&|n| n << 32 | n), insert(&|_| chance.next()));
    assert!(crafted > 10 * random, "{crafted:?} and {random:?}");
}

/// How many numbers the statistics consist of.
fn series(cache: &Cache) -> usize {
    fn leaves(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => items.iter().map(leaves).sum(),
            serde_json::Value::Object(fields) => fields.values().map(leaves).sum(),
            _ => 1,
        }
    }
    leaves(&serde_json::to_value(cache.stats()).unwrap())
}

/// S14: keys, tags and patterns name no counter.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn s14_statistics_do_not_grow_with_keys_and_tags() {
    let cache = Cache::builder().tier(cached_runtime::tier::memory::MemoryTier::new()).build().unwrap();
    let names = cache.namespace::<u64>("series").unwrap();
    names.set(0_u64, 0);
    let before = series(&cache);
    let keys = if full() { 1_000_000 } else { 10_000_u64 };
    for n in 1..=keys {
        names.set_with(n, n, SetOptions::new().tag(format!("tag:{n}")));
        // Two hundred times: each walks through all that the tier has.
        if n.is_multiple_of(keys / 200) {
            cache.invalidate_tags([format!("tag:{n}"), format!("unknown:{n}")]).await;
            cache.invalidate_pattern(&format!("series:{n}*")).await.unwrap();
        }
    }
    println!("S14: {before} series with one key, {} with {keys} keys and as many tags", series(&cache));
    assert_eq!(series(&cache), before);
    // The control: another function, or namespace, is told of by itself.
    cache.namespace::<u64>("another").unwrap().set(1_u64, 1);
    assert!(series(&cache) > before);
}
