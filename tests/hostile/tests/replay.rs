//! What is kept in `tests/corpora`, and thousands of changes of it, given to every target.
//!
//! `CACHED_SEED` repeats a run; `CACHED_FULL` makes it longer.

#![allow(clippy::print_stdout, reason = "seeds and figures are there to be read")]

use std::fs;
use std::hash::BuildHasher as _;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use hostile::{TARGETS, Target};
use kit::Chance;

const CHANGES: u64 = 4_000;
const FULL: u64 = 400_000;
/// Inputs stay small: what a large one could show, a lying length shows as well.
const LONGEST: usize = 4 << 10;

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpora").join(target.name);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut kept: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    kept.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(path).expect("a file that can be read"));
    kept.into_iter().map(read).collect()
}

/// Runs a target; what it panics with is told together with its input.
fn run(target: &Target, input: &[u8], what: &str) {
    let allowed = target.most + target.each * input.len() as u64;
    let told = catch_unwind(|| allocation_counter::measure(|| (target.run)(input)).bytes_max);
    match told {
        Ok(most) => assert!(most <= allowed, "{what}: {most} bytes at once for {} given: {input:?}", input.len()),
        Err(_) => panic!("{what}: {input:?}"),
    }
}

fn seed() -> u64 {
    let given = std::env::var("CACHED_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| std::hash::RandomState::new().hash_one(0_u8))
}

fn changes() -> u64 {
    if std::env::var_os("CACHED_FULL").is_some() { FULL } else { CHANGES }
}

/// Numbers that lie about lengths, and bytes that mean something.
const WORDS: &[&[u8]] = &[
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"18446744073709551615",
    b"-1",
    b"*2147483647\r\n",
    b"%25",
    b"~~",
    b"*?",
    b"\0",
    "\u{e4}\u{1f600}".as_bytes(),
    b"hunter2",
    b"@",
];

/// A few changes, each where chance has it.
fn changed(chance: &mut Chance, corpus: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let pick = |chance: &mut Chance| corpus[chance.below(corpus.len() as u64) as usize].1.clone();
    let mut input = pick(chance);
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() as u64 + 1) as usize;
        match chance.below(6) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = chance.draw() as u8,
            2 => input.truncate(at),
            3 => drop(input.splice(at..at, WORDS[chance.below(WORDS.len() as u64) as usize].iter().copied())),
            4 => {
                let end = (at + chance.below(9) as usize).min(input.len());
                drop(input.drain(at..end));
            }
            _ => {
                let other = pick(chance);
                let from = chance.below(other.len() as u64 + 1) as usize;
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(LONGEST);
    input
}

fn replay(name: &str) {
    let target = hostile::target(name);
    let corpus = corpus(&target);
    assert!(!corpus.is_empty(), "`{name}` has no corpus");
    for (path, input) in &corpus {
        run(&target, input, &path.display().to_string());
    }
    let seed = seed();
    println!("{name}: {} kept, {} changed, seed {seed} (CACHED_SEED)", corpus.len(), changes());
    let mut chance = Chance::seeded(seed);
    for n in 0..changes() {
        let input = changed(&mut chance, &corpus);
        run(&target, &input, &format!("{name}, seed {seed}, change {n}"));
    }
}

#[test]
fn a_codec_given_anything_returns_a_value_or_an_error() {
    replay("codec");
}

#[test]
fn a_frame_that_is_read_is_written_the_same() {
    replay("frame");
}

#[test]
fn any_argument_stays_in_its_segment() {
    replay("key");
}

#[test]
fn a_glob_matches_what_a_slow_table_matches() {
    replay("pattern");
}

#[test]
fn an_invalidation_that_is_read_is_written_the_same() {
    replay("record");
}

#[test]
fn no_answer_of_a_server_is_a_panic() {
    replay("reply");
}

#[test]
fn only_what_was_sealed_is_opened() {
    replay("sealed");
}

#[test]
fn a_wrong_setting_is_an_error_that_keeps_secrets() {
    replay("settings");
}

#[test]
fn every_target_is_replayed_and_fuzzed() {
    let replayed = include_str!("replay.rs");
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("the fuzzer's manifest");
    for target in TARGETS {
        assert!(replayed.contains(&format!("replay(\"{}\")", target.name)), "`{}` is not replayed", target.name);
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "`{}` is not fuzzed", target.name);
        assert!(fuzz.join(format!("fuzz_targets/{}.rs", target.name)).exists());
    }
}

/// The controls: a target that panics, and one that believes a length.
#[test]
fn a_panic_and_a_believed_length_are_found() {
    let panics = Target { name: "panics", run: |bytes| assert!(bytes.len() < 4), most: 1024, each: 1 };
    let believes = Target { name: "believes", run: |_| drop(vec![1_u8; 1 << 20]), most: 1024, each: 1 };
    run(&panics, b"abc", "short");
    assert!(catch_unwind(|| run(&panics, b"abcd", "long")).is_err());
    assert!(catch_unwind(|| run(&believes, b"abc", "any")).is_err());
}
