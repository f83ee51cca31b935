//! Fewer loads at equal staleness than any fixed life takes.
//!
//! `cargo test -p cached-runtime --lib adaptive::worlds -- --nocapture` prints what is reached.

use super::Adaptive;
use super::simulation::{Costs, Curve, Rates, Rule, World};
use crate::chance::Chance;

const KEYS: usize = 60;
/// A second, all keys together.
const READS: f64 = 1.0;
const HOURS: f64 = 40.0;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const NEVER: f64 = 1e-12;

/// In seconds.
const RANGES: [(u64, u64); 3] = [(30, 3_600), (10, 1_200), (60, 4 * 3_600)];

/// What a rule costs against the fixed life of equal staleness, and of equal age.
struct Ratio {
    costs: Costs,
    loads: f64,
    loads_by_age: f64,
}

fn adaptive((least, most): (u64, u64)) -> Adaptive {
    Adaptive::new(least * 1_000, most * 1_000, 0.1)
}

/// The key of rank n is read 1/n as often as the first; ranks are dealt out, so that all kinds of keys have hot and cold ones.
fn zipf() -> Vec<f64> {
    let all: f64 = (1..=KEYS).map(|n| 1.0 / n as f64).sum();
    (0..KEYS).map(|n| READS / (1 + n * 37 % KEYS) as f64 / all).collect()
}

fn curve(world: &World) -> Curve {
    Curve::new(world, 1.0, 6.0 * HOUR, 30)
}

#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn ratio(world: &World, curve: &Curve, range: (u64, u64), rule: &Rule<'_>) -> Ratio {
    let costs = world.run(rule);
    let (life, loads) = curve.at(costs.stale, |costs| costs.stale);
    let (_, loads_by_age) = curve.at(costs.age, |costs| costs.age);
    let ratio = Ratio { costs, loads: costs.loads / loads, loads_by_age: costs.loads / loads_by_age };
    let kind = match rule {
        Rule::Fixed(_) => "fixed",
        Rule::Learns(_) => "learns",
        Rule::Counts(_) => "counts",
        Rule::Blind(_) => "blind",
        Rule::Mistaken(_) => "mistaken",
    };
    println!(
        "{:8} {:3}..{:5} s {kind:8} stale {:5.2} %  loads/h {:6.1}  fixed {life:5.0} s {:6.1}  ratio {:.3}  by age {:.3}",
        world.name,
        range.0,
        range.1,
        costs.stale * 100.0,
        costs.loads * HOUR,
        loads * HOUR,
        ratio.loads,
        ratio.loads_by_age,
    );
    ratio
}

/// Loads at equal staleness are at most this part of those of any fixed life, with hits counted or not.
fn takes_at_most(part: f64, world: &World) {
    let curve = curve(world);
    for range in RANGES {
        for rule in [Rule::Learns(&adaptive(range)), Rule::Counts(&adaptive(range))] {
            let ratio = ratio(world, &curve, range, &rule);
            assert!(ratio.loads <= part, "{} {range:?}: {}", world.name, ratio.loads);
            assert!(ratio.loads_by_age <= part.max(1.0) + 0.05, "{} {range:?}: {}", world.name, ratio.loads_by_age);
            // Which no life of the grid is an exception to.
            assert!(part > 1.0 || curve.better_than(&ratio.costs).next().is_none());
        }
    }
}

fn mixed() -> World {
    World::new("mixed", HOURS, &zipf(), |n, _| vec![(0.0, [NEVER, 1.0 / HOUR, 1.0 / MINUTE][n % 3])])
}

#[test]
fn keys_that_never_change_or_by_the_hour_or_by_the_minute_take_fewer_loads_than_under_any_fixed_life() {
    takes_at_most(0.65, &mixed());
}

#[test]
fn rates_spread_over_four_powers_of_ten_take_fewer_loads_than_under_any_fixed_life() {
    let spread = |_: usize, chance: &Chance| vec![(0.0, 10_f64.powf(4.0 * chance.part() - 5.0))];
    takes_at_most(0.75, &World::new("spread", HOURS, &zipf(), spread));
}

/// Ten minutes in which it changes each half, then some hours of nothing.
fn bursts(chance: &Chance) -> Rates {
    let mut rates = vec![(0.0, NEVER)];
    let mut at = 0.0;
    while at < HOURS * HOUR {
        at += HOUR * (1.0 + 4.0 * chance.part());
        rates.extend([(at, 2.0 / MINUTE), (at + 10.0 * MINUTE, NEVER)]);
        at += 10.0 * MINUTE;
    }
    rates
}

#[test]
fn keys_that_change_in_bursts_take_fewer_loads_than_under_any_fixed_life() {
    let rates = |n: usize, chance: &Chance| match n % 3 {
        0 => bursts(chance),
        1 => vec![(0.0, 1.0 / HOUR)],
        _ => vec![(0.0, NEVER)],
    };
    takes_at_most(0.75, &World::new("bursts", HOURS, &zipf(), rates));
}

#[test]
fn rates_that_become_others_half_way_take_fewer_loads_than_under_any_fixed_life() {
    let rates = [NEVER, 0.1 / MINUTE, 1.0 / HOUR];
    let turning = |n: usize, _: &Chance| vec![(0.0, rates[n % 3]), (HOURS / 2.0 * HOUR, rates[(n + 1) % 3])];
    takes_at_most(0.8, &World::new("turning", HOURS, &zipf(), turning));
}

#[test]
fn keys_that_change_alike_and_are_read_unlike_take_fewer_loads_than_under_any_fixed_life() {
    takes_at_most(0.95, &World::new("reads", HOURS, &zipf(), |_, _| vec![(0.0, 1.0 / HOUR)]));
}

/// Here one life for all is the best there is, and learning can only cost.
#[test]
fn keys_that_are_all_alike_take_a_few_loads_more_at_most() {
    let reads = vec![READS / KEYS as f64; KEYS];
    takes_at_most(1.06, &World::new("alike", HOURS, &reads, |_, _| vec![(0.0, 1.0 / HOUR)]));
}

/// The negative control of all of these.
#[test]
fn who_learns_nothing_or_of_the_wrong_keys_takes_as_many_loads_as_a_fixed_life() {
    let world = mixed();
    let curve = curve(&world);
    for range in RANGES {
        let blind = ratio(&world, &curve, range, &Rule::Blind(&adaptive(range)));
        assert!((blind.loads - 1.0).abs() < 0.06, "{range:?}: {}", blind.loads);
        let mistaken = ratio(&world, &curve, range, &Rule::Mistaken(&adaptive(range)));
        assert!(mistaken.loads > 0.97, "{range:?}: {}", mistaken.loads);
    }
}

#[test]
fn what_is_said_of_stale_reads_is_about_what_they_are() {
    let world = mixed();
    for range in RANGES {
        let adaptive = adaptive(range);
        let found = world.run(&Rule::Learns(&adaptive)).stale;
        let said = adaptive.figures().stale;
        assert!((said / found - 1.0).abs() < 0.2, "{said}, not {found}");
    }
}

#[test]
fn the_same_world_is_lived_in_the_same_way() {
    let world = mixed();
    let [one, other] = [0; 2].map(|_| world.run(&Rule::Learns(&adaptive(RANGES[0]))));
    assert_eq!(one, other);
}
