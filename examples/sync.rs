//! Functions that do not await: in memory only, one load per key, no runtime needed.
//!
//! `cargo run --example sync`

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use cached_runtime::{Cache, KeyPart, cache, invalidate};

static LOADS: AtomicU64 = AtomicU64::new(0);

/// A struct as one argument: its fields form its part of the key.
#[derive(Clone, KeyPart)]
struct Area {
    width: u32,
    height: u32,
    /// Makes no difference to the result.
    #[key(skip)]
    #[allow(dead_code)]
    label: String,
}

#[cache(ttl = "1h", weigh = |plan| plan.len())]
fn plan(area: &Area) -> String {
    LOADS.fetch_add(1, Relaxed);
    (0..area.height).map(|_| "#".repeat(area.width as usize) + "\n").collect()
}

/// `None` is kept for a while; without this word it is not.
#[cache(cache_none = "30s")]
fn parse(text: &str) -> Option<u32> {
    LOADS.fetch_add(1, Relaxed);
    text.parse().ok()
}

#[invalidate(plan(area))]
fn rebuild(area: &Area) {
    println!("rebuilding {} by {}", area.width, area.height);
}

fn main() {
    let area = Area { width: 8, height: 2, label: "yard".into() };
    let (all, start) = (8, Barrier::new(8));
    thread::scope(|scope| {
        for _ in 0..all {
            scope.spawn(|| {
                start.wait();
                assert_eq!(plan(&area).len(), 18);
            });
        }
    });
    assert_eq!(LOADS.load(Relaxed), 1, "eight threads, one load");

    rebuild(&area);
    assert_eq!(plan::peek(&area), None);
    plan(&area);
    plan(&Area { label: "the same yard".into(), ..area });
    assert_eq!(LOADS.load(Relaxed), 2);

    assert_eq!((parse("x"), parse("x"), parse("7")), (None, None, Some(7)));
    assert_eq!(LOADS.load(Relaxed), 4);
    println!("{}", Cache::installed().stats());
}
