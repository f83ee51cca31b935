//! Nothing in the user's scope can stand in the way of the expansion, and what is kept is decided by the type.
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

use ::std::result::Result as Outcome;
use ::std::sync::atomic::{AtomicU32, Ordering};

use cached_runtime::{KeyPart, cache, invalidate};

// What a user may call their own things.
struct Result;
struct Option;
struct Some;
struct None;
struct Ok;
struct Err;
struct Vec;
struct String;
struct Box;
struct Send;
struct Clone;
struct Cache;
struct Site;
struct Call;
mod std {}
mod core {}
mod cached_runtime_private {}
static SITE: u32 = 7;
fn names() {}

type Answer<T> = Outcome<T, MyError>;
type Maybe<T> = ::core::option::Option<T>;

#[derive(Debug, PartialEq)]
struct MyError;

static RUNS: AtomicU32 = AtomicU32::new(0);

fn run() -> u32 {
    RUNS.fetch_add(1, Ordering::SeqCst)
}

#[cache]
fn plain(id: u32) -> u32 {
    run();
    id + SITE
}

#[cache]
fn alias(id: u32) -> Answer<u32> {
    run();
    if id == 0 { Outcome::Err(MyError) } else { Outcome::Ok(id) }
}

#[cache]
fn maybe(id: u32) -> Maybe<u32> {
    run();
    if id == 0 { Maybe::None } else { Maybe::Some(id) }
}

#[cache(cache_none)]
fn maybe_none(id: u32) -> Maybe<u32> {
    run();
    if id == 0 { Maybe::None } else { Maybe::Some(id) }
}

#[cache]
fn both(id: u32) -> Answer<Maybe<u32>> {
    run();
    match id {
        0 => Outcome::Err(MyError),
        1 => Outcome::Ok(Maybe::None),
        _ => Outcome::Ok(Maybe::Some(id)),
    }
}

// Arguments that are called like things of the expansion.
#[cache(key = "odd:{__key}:{names}:{out}:{miss}:{hit}")]
async fn odd(__key: u32, names: u32, out: u32, miss: u32, hit: u32) -> u32 {
    let (__call, __site, __shape, __open) = (__key, names, out, miss);
    __call + __site + __shape + __open + hit
}

#[cache]
fn site(site: u32) -> u32 {
    site
}

#[invalidate(tags = ["odd:{__guard}"], odd(__guard, out, out, out, out), site(out))]
async fn undo(__guard: u32, out: u32) -> Answer<()> {
    let __result = __guard + out;
    let _ = __result;
    Outcome::Ok(())
}

#[derive(KeyPart)]
struct Key<T> {
    state: T,
    out: u32,
    owned: u8,
}

#[derive(KeyPart)]
enum Sum {
    Here { state: u32, owned: u8 },
    There(u32),
    Absent,
}

/// How often the body ran in two calls.
fn runs<T>(call: impl Fn() -> T) -> u32 {
    let before = RUNS.load(Ordering::SeqCst);
    call();
    call();
    RUNS.load(Ordering::SeqCst) - before
}

pub(crate) fn main() {
    assert_eq!(runs(|| plain(1)), 1);
    assert_eq!(plain(1), 8);
    assert_eq!((runs(|| alias(1)), runs(|| alias(0))), (1, 2));
    assert_eq!(alias(0), Outcome::Err(MyError));
    assert_eq!((runs(|| maybe(1)), runs(|| maybe(0))), (1, 2));
    assert_eq!((runs(|| maybe_none(1)), runs(|| maybe_none(0))), (1, 1));
    assert_eq!((runs(|| both(2)), runs(|| both(1)), runs(|| both(0))), (1, 2, 2));
    drop((odd(1, 2, 3, 4, 5), undo(1, 2)));
    let _ =
        (site(1), Sum::Here { state: 1, owned: 1 }, Sum::There(1), Sum::Absent, Key { state: 1u8, out: 1, owned: 1 });
}
