//! What is read from outside, given bytes that nobody wrote.
//!
//! Each target is an ordinary function: it panics if a promise does not hold. `fuzz/` gives them what a fuzzer finds, and
//! `tests/replay.rs` what is kept in `tests/corpora`, with changes by chance.

mod codec;
#[path = "../../../cached-derive/src/duration.rs"]
mod duration;
mod frame;
mod key;
mod pattern;
mod record;
mod reply;
mod sealed;
mod settings;

/// A target: its name, its body, and the bytes it may allocate at once beside a multiple of what it is given.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The folder of its corpus.
    pub name: &'static str,
    /// What it does with bytes.
    pub run: fn(&[u8]),
    /// How many bytes it may hold at once, whatever it is given.
    pub most: u64,
    /// How many more for each byte that it is given.
    pub each: u64,
}

const KIB: u64 = 1 << 10;

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "codec", run: codec::run, most: 1024 * KIB, each: 512 },
    Target { name: "frame", run: frame::run, most: 16 * KIB, each: 128 },
    Target { name: "key", run: key::run, most: 64 * KIB, each: 128 },
    Target { name: "pattern", run: pattern::run, most: 64 * KIB, each: 64 },
    Target { name: "record", run: record::run, most: 16 * KIB, each: 64 },
    Target { name: "reply", run: reply::run, most: 16 * KIB, each: 256 },
    Target { name: "sealed", run: sealed::run, most: 64 * KIB, each: 128 },
    Target { name: "settings", run: settings::run, most: 512 * KIB, each: 256 },
];

/// The target of this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("no target is named `{name}`"))
}
