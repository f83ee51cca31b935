//! What is predicted, and what is not.

use super::super::classes::{Class, Order};
use super::super::sessions::{Guess, Step};
use super::*;

#[test]
fn what_repeats_is_loaded_ahead_and_is_asked_for() {
    let (mut shop, chance) = experienced(0);
    let before = shop.figures();
    cook(&mut shop, &chance, 1, 500);
    let after = shop.figures();
    let part = (after.used - before.used) as f64 / (after.wants - before.wants) as f64;
    // The first of six cannot be known.
    assert!(part > 0.7, "{part} {after:?}");
    assert!(after.precision() > 0.95 && after.load_added() < 0.05, "{after:?}");
}

#[test]
fn three_sightings_come_before_a_prediction() {
    let (mut shop, chance) = experienced(0);
    for sightings in 1..=4 {
        assert!(shop.ask(1, 2).iter().all(|&key| key != 3) || sightings > 3);
        if sightings > 3 {
            assert!(shop.there.contains(&3), "predicted after three");
        }
        shop.ask(1, 3);
        cook(&mut shop, &chance, 1, 40);
    }
}

#[test]
fn what_was_never_seen_is_never_predicted() {
    let (mut shop, chance) = (Shop::new(small(), 60, 0), Chance::new(3));
    for _ in 0..2_000 {
        let keys: Vec<u64> = recipe(chance.below(60)).collect();
        for key in keys {
            let ahead = shop.ask(1, key);
            assert!(ahead.iter().all(|key| shop.asked.get(key).is_some_and(|&times| times >= 3)));
        }
    }
    assert!(shop.figures().issued > 100);
}

#[test]
fn noise_costs_nothing_and_switches_it_off() {
    let (mut shop, chance) = (Shop::new(small(), 100, 0), Chance::new(1));
    noise(&mut shop, &chance, 30_000);
    let figures = shop.figures();
    assert_eq!(figures.on, [false; 2]);
    assert!(figures.issued * 100 <= figures.wants, "{figures:?}");
}

#[test]
fn a_pattern_switches_it_on_again() {
    let (mut shop, chance) = (Shop::new(small(), 60, 0), Chance::new(1));
    noise(&mut shop, &chance, 12_000);
    assert_eq!(shop.figures().on, [false; 2]);
    cook(&mut shop, &chance, 1, 3_000);
    let figures = shop.figures();
    assert!(figures.on.contains(&true), "{figures:?}");
    let before = figures;
    cook(&mut shop, &chance, 1, 500);
    assert!(shop.figures().used > before.used + 1_000);
}

/// What is over: noise among recipes costs little, and the end of all recipes ends all loads.
#[test]
fn a_pattern_that_is_gone_is_not_followed() {
    let (mut shop, chance) = experienced(0);
    noise(&mut shop, &chance, 12_000);
    let before = shop.figures();
    noise(&mut shop, &chance, 5_000);
    let after = shop.figures();
    assert!(after.issued - before.issued < 50, "{after:?}");
}

/// Eight sessions, each with recipes of its own, one access of each at a time in any order.
fn kitchen(session: fn(u64) -> u64) -> (Figures, u64) {
    let (mut shop, chance) = (Shop::new(small(), 60, 0), Chance::new(9));
    let mut cooks: Vec<_> = (0..8).map(|who| recipe(who * 5)).collect();
    let mut foreign = 0;
    for _ in 0..12_000 {
        let who = chance.below(8);
        let Some(key) = cooks[who as usize].next() else {
            cooks[who as usize] = recipe(who * 5 + chance.below(5));
            continue;
        };
        let ahead = shop.ask(session(who), key);
        foreign += ahead.iter().filter(|&key| (key - 1_000) / 50 != who).count() as u64;
    }
    (shop.figures(), foreign)
}

#[test]
fn sessions_do_not_mix() {
    let ((apart, of_others), (together, mixed)) = (kitchen(|who| who), kitchen(|_| 0));
    assert_eq!(of_others, 0);
    assert!(mixed > 0, "what the counter counts");
    assert!(apart.used > 2 * together.used, "{apart:?} {together:?}");
}

/// After `x` comes what came before it says.
#[test]
fn two_keys_are_looked_at_where_one_says_too_little() {
    let (mut shop, chance) = (Shop::new(small(), 20, 0), Chance::new(5));
    for _ in 0..3_000 {
        let which = chance.below(30);
        [100 + which, 1, 200 + which].into_iter().for_each(|key| drop(shop.ask(1, key)));
    }
    let figures = shop.figures();
    assert!(figures.used > 1_000 && figures.precision() > 0.9, "{figures:?}");
}

/// Far away its evidence was not good enough; now it is near.
#[test]
fn what_comes_near_is_thought_of_again() {
    let predictor = Predictor::new(small());
    let (last, near, far) = (hash::id(1), hash::id(2), hash::id(3));
    predictor.keys.remember(far, 3, || 3);
    for _ in 0..4 {
        predictor.pairs.learn(Context::one(last), near);
    }
    (0..20).for_each(|_| predictor.classes.judge(Class::new(Order::Two, 1, 9, 1.0), true));
    let mut session = Session::default();
    session.last = last;
    let guess = |id| Guess { id, order: Order::Two, count: 9, confidence: 1.0 };
    session.path = [near, far].map(|id| Step { guess: guess(id), waits: true }).into();
    let has = |_, _: &u64| false;
    let ahead = Walk { predictor: &predictor, session: &mut session, has, there: None, ahead: vec![] }.go();
    assert_eq!(ahead, [Ahead { hash: 3, key: 3 }]);
    assert!(!session.path[1].waits);
}

#[test]
fn the_same_key_again_is_no_successor() {
    let mut shop = Shop::new(small(), 60, 0);
    (0..20).for_each(|_| drop(shop.ask(1, 7)));
    assert_eq!(shop.figures().pairs, 0);
}

#[test]
fn a_key_that_was_put_out_is_remembered_again() {
    let (mut shop, chance) = experienced(0);
    shop.predictor.keys = Keys::new(64);
    let before = shop.figures();
    cook(&mut shop, &chance, 1, 400);
    assert!(shop.figures().used > before.used + 100);
}
