//! How predictions are judged.

use super::super::classes::{Class, Order, Trust};
use super::*;

#[test]
fn a_prediction_has_a_hundred_accesses_to_come_true() {
    for (others, wasted) in [(99, 0), (100, 1)] {
        let (mut shop, chance) = experienced(0);
        let ahead = loop {
            let ahead = shop.ask(1, 1_000 + chance.below(40) * 10);
            if !ahead.is_empty() {
                break ahead;
            }
        };
        shop.room = 1_000;
        let before = shop.figures();
        (0..others).for_each(|n| drop(shop.ask(1, 5_000_000 + n)));
        shop.ask(1, ahead[0]);
        let after = shop.figures();
        assert_eq!(after.used - before.used, 1 - wasted, "{others}");
        assert!(after.wasted - before.wasted >= wasted);
    }
}

#[test]
fn what_is_gone_before_it_is_used_is_wasted() {
    let (mut shop, _) = experienced(0);
    let keys: Vec<u64> = recipe(3).collect();
    shop.there.clear();
    shop.order.clear();
    let ahead = [shop.ask(1, keys[0]), shop.ask(1, keys[1])].concat();
    assert!(ahead.contains(&keys[2]));
    let before = shop.figures();
    shop.there.remove(&keys[2]);
    shop.ask(1, keys[2]);
    assert_eq!(shop.figures().wasted - before.wasted, 1);
}

#[test]
fn late_is_counted_apart() {
    let (shop, _) = experienced(2);
    let figures = shop.figures();
    assert!(figures.late > 10 && figures.used > figures.late, "{figures:?}");
    assert!(figures.precision() > 0.95, "{figures:?}");
    let (shop, _) = experienced(0);
    assert_eq!(shop.figures().late, 0);
}

/// Courses of twenty keys, and a load takes as long as six of them.
#[test]
fn it_looks_as_far_as_loads_take() {
    let (mut shop, chance) = (Shop::new(small(), 60, 6), Chance::new(7));
    let mut serve = |courses: usize| {
        for _ in 0..courses {
            let course = 1_000 + chance.below(20) * 20;
            (course..course + 20).for_each(|key| drop(shop.ask(1, key)));
        }
        shop.figures()
    };
    let (learned, served) = (serve(700), serve(300));
    assert!(served.ahead > 6, "{served:?}");
    // The first seven of twenty cannot come in time.
    assert!(served.used - learned.used > served.late - learned.late, "{served:?}");
}

#[test]
fn what_is_on_its_way_is_not_given_out_again() {
    let (mut shop, _) = experienced(0);
    let mut given: Vec<u64> = Vec::new();
    for key in recipe(3) {
        shop.there.clear();
        shop.order.clear();
        given.extend(shop.ask(1, key));
    }
    let times = |key| given.iter().filter(|&&other| other == key).count();
    assert_eq!(recipe(3).map(times).max(), Some(1), "{given:?}");
}

#[test]
fn what_another_loaded_in_the_meantime_is_neither_right_nor_wrong() {
    let predictor: Predictor<u64> = Predictor::new(small());
    let class = Class::new(Order::One, 0, 3, 1.0);
    let (mut session, id) = (Session::default(), hash::id(7));
    for (how, trust) in [(How::Hit, Trust::Open), (How::Joined, Trust::Open), (How::Miss, Trust::Proved)] {
        for _ in 0..20 {
            let far = [Some(class), None];
            session.push(Open { id, until: u32::MAX / 4, far, near: [None; 2], credit: None, issued: false });
            predictor.judge(&mut session, id, how);
        }
        assert_eq!(predictor.classes.trust(class, 0.8), trust, "{how:?}");
    }
}

#[test]
fn what_was_loaded_for_a_session_that_is_gone_is_wasted() {
    let mut shop = Shop::new(Limits { sessions: 8, ..small() }, 60, 0);
    cook(&mut shop, &Chance::new(7), 1, 600);
    shop.there.clear();
    shop.order.clear();
    while shop.ask(1, 1_000).is_empty() {
        shop.ask(1, 77);
    }
    let before = shop.figures();
    (10..18).for_each(|session| drop(shop.ask(session, 77)));
    let after = shop.figures();
    assert_eq!(after.issued, after.used + after.late + after.wasted);
    assert!(after.wasted > before.wasted);
}

#[test]
fn what_was_not_loaded_after_all_is_not_issued() {
    let (mut shop, _) = experienced(0);
    let before = shop.figures();
    let key = loop {
        let next = shop.ask(1, 1_000);
        if let Some(&next) = next.first() {
            break next;
        }
        (0..70).for_each(|n| drop(shop.ask(1, 9_000 + n)));
    };
    let issued = shop.figures().issued;
    assert!(issued > before.issued);
    shop.predictor.not_loaded(mix(1), mix(key));
    assert_eq!(shop.figures().issued, issued - 1);
}

#[test]
fn loads_that_never_arrive_are_given_up() {
    let (mut shop, chance) = experienced(0);
    shop.fails = true;
    cook(&mut shop, &chance, 1, 3_000);
    let before = shop.figures();
    cook(&mut shop, &chance, 1, 3_000);
    let after = shop.figures();
    let part = (after.wasted - before.wasted) as f64 / (after.wants - before.wants) as f64;
    assert!(part < 0.05, "{part} {after:?}");
}
