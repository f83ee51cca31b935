//! Each promise under ten thousand random schedules and some of few, well-chosen switches; each with a control: a step
//! done wrongly, which the same search must find.

mod breaker;
mod flight;
mod log;
mod relay;
mod shared;
mod world;

use std::hash::BuildHasher as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use shuttle::rand::{Rng as _, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner, thread};

const RANDOM: usize = 10_000;
/// The same for `tests/run.sh --full`.
const FULL: usize = 200_000;
/// Schedules that switch at few places, which a random walk seldom finds.
const CHOSEN: usize = 2_000;
const SWITCHES: usize = 3;

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.silence_warnings = true;
    config.failure_persistence = FailurePersistence::None;
    config
}

fn random() -> usize {
    if std::env::var_os("CACHED_FULL").is_some() { FULL } else { RANDOM }
}

fn seed() -> u64 {
    let given = std::env::var("CACHED_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| std::hash::RandomState::new().hash_one(0_u8))
}

/// Lets others go first, for a while that the scheduler draws: a walk step by step seldom keeps one waiting for long.
fn pause() {
    for _ in 0..thread_rng().gen_range(0..12) {
        thread::yield_now();
    }
}

fn run(scheduler: impl Scheduler + 'static, steps: impl Fn() + Send + Sync + 'static) {
    Runner::new(scheduler, config()).run(steps);
}

/// Under every schedule tried, these steps end without a panic or a deadlock.
#[allow(clippy::print_stdout, reason = "the seed is there to be read")]
fn holds(promise: &str, steps: impl Fn() + Send + Sync + 'static) {
    let (seed, started) = (seed(), Instant::now());
    println!("{promise}: seed {seed} (CACHED_SEED)");
    let steps = Arc::new(steps);
    let again = Arc::clone(&steps);
    run(RandomScheduler::new_from_seed(seed, random()), move || again());
    run(PctScheduler::new_from_seed(seed, SWITCHES, CHOSEN), move || steps());
    println!("{promise}: {} schedules, {:?}", random() + CHOSEN, started.elapsed());
}

/// One of the schedules ends in a panic or a deadlock.
#[allow(clippy::print_stdout, reason = "the figure is there to be read")]
fn breaks(control: &str, steps: impl Fn() + Send + Sync + 'static) {
    let seed = seed();
    let tried = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&tried);
    let search = move || {
        run(RandomScheduler::new_from_seed(seed, RANDOM), move || {
            counted.fetch_add(1, Relaxed);
            steps();
        });
    };
    let found = catch_unwind(AssertUnwindSafe(search)).is_err();
    assert!(found, "{control}: seed {seed}: {RANDOM} schedules found nothing wrong");
    println!("{control}: seed {seed}: found in schedule {}", tried.load(Relaxed));
}
