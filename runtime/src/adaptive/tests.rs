use super::*;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const START: Millis = 1_000_000_000_000;
const LEAST: Millis = MINUTE / 2;
const MOST: Millis = HOUR;

fn look(key: u64, fingerprint: u64, now: Millis) -> Look {
    Look { key, fingerprint: Some(fingerprint), hits: None, began: now, ended: now }
}

fn plain() -> Adaptive {
    Adaptive::new(LEAST, MOST, 0.0)
}

/// Loads of one key, each this long after the end of the life before; value n is the n-th answer of `value`.
fn lives(adaptive: &Adaptive, key: u64, waits: Millis, loads: u64, value: impl Fn(u64) -> u64) -> Vec<Millis> {
    let mut now = START;
    let mut load = |n| {
        let life = adaptive.loaded(&look(key, value(n), now));
        now += life + waits;
        life
    };
    (0..loads).map(&mut load).collect()
}

#[test]
fn a_value_that_never_changes_comes_to_live_longest() {
    let all = lives(&plain(), 1, 1_000, 60, |_| 7);
    assert!(all.is_sorted() && all[0] < all[2], "{all:?}");
    assert_eq!(all.last(), Some(&MOST));
}

#[test]
fn a_value_that_changes_at_each_look_comes_to_live_shortest() {
    let all = lives(&plain(), 1, 1_000, 120, |n| n);
    assert!(all.iter().rev().is_sorted());
    assert!(all.last() < Some(&(2 * LEAST)), "{all:?}");
}

#[test]
fn a_changed_value_shortens_at_once_and_the_same_one_lengthens() {
    let all = lives(&plain(), 1, 1_000, 60, |n| n / 6);
    for (n, pair) in (1..).zip(all.windows(2)) {
        let changed = n % 6 == 0;
        // Before the site is known the same value may not lengthen yet; it never shortens.
        let longer = pair[1] > pair[0] || (n < 6 && pair[1] == pair[0]);
        assert!(if changed { pair[1] < pair[0] } else { longer }, "look {n}: {pair:?}");
    }
}

#[test]
fn a_value_that_stood_still_for_days_and_now_changes_is_soon_known_to() {
    let all = lives(&plain(), 1, 1_000, 200, |n| n.saturating_sub(150));
    assert_eq!(all[150], MOST);
    assert!(all[151] < MOST * 3 / 4 && all[155] < MOST / 2, "{:?}", &all[148..160]);
}

#[test]
fn no_life_leaves_its_bounds() {
    let chance = Chance::new(9);
    for (least, most) in [(1, 1), (0, 0), (5_000, 1_000), (1, u64::MAX), (LEAST, MOST), (1_000, 864_000_123)] {
        let adaptive = Adaptive::new(least, most, 0.5);
        let mut now = START;
        for _ in 0..2_000 {
            let hits = chance.happens(0.5).then(|| chance.next() as u32);
            let fingerprint = chance.happens(0.9).then(|| chance.below(2));
            let began = now.saturating_sub(chance.below(10_000));
            let announced = chance.happens(0.1);
            let look = Look { key: chance.below(8), fingerprint, hits, began, ended: now };
            if announced {
                adaptive.announce(look.key);
            }
            let life = adaptive.loaded(&look);
            let least = least.max(1);
            assert!((least..=most.max(least)).contains(&life), "{least}..{most}: {life}");
            // Now and then back.
            now = now.saturating_add(chance.below(2 * HOUR)).saturating_sub(chance.below(HOUR));
        }
        assert!((0.0..=1.0).contains(&adaptive.figures().stale));
    }
}

#[test]
fn a_key_that_is_read_more_is_loaded_sooner() {
    let adaptive = plain();
    let [hot, cold] = [(1, 100), (2, 10 * MINUTE)].map(|(key, waits)| lives(&adaptive, key, waits, 40, |n| n / 3));
    assert!(hot[39] * 2 < cold[39], "{} and {}", hot[39], cold[39]);
}

#[test]
fn hits_that_are_counted_tell_what_waits_tell() {
    let adaptive = plain();
    let life = |key, hits: fn(Millis) -> u32| {
        let (mut now, mut last) = (START, 0);
        for n in 0..60 {
            let hits = (last > 0).then(|| hits(last));
            let look = Look { hits, ..look(key, n / 3, now) };
            last = adaptive.loaded(&look);
            now += last;
        }
        last
    };
    let [hot, cold] = [life(1, |life| life as u32 / 100), life(2, |_| 1)];
    assert!(hot * 2 < cold, "{hot} and {cold}");
}

#[test]
fn a_new_key_begins_as_others_of_its_site_are() {
    let first = |site: &Adaptive| site.loaded(&look(1_000, 0, START));
    let [unknown, still, restless] = [plain(), plain(), plain()];
    for key in 0..50 {
        lives(&still, key, 10_000, 30, |_| 7);
        lives(&restless, key, 10_000, 30, |n| n);
    }
    let [unknown, still, restless] = [first(&unknown), first(&still), first(&restless)];
    assert!(restless * 2 < unknown && unknown * 2 < still, "{restless} < {unknown} < {still}");
}

#[test]
fn what_has_no_fingerprint_counts_as_changed() {
    let adaptive = plain();
    for n in 0..10 {
        adaptive.loaded(&Look { fingerprint: None, ..look(1, 0, START + n * MINUTE) });
    }
    assert_eq!((adaptive.figures().same, adaptive.figures().changed), (0, 9));
}

#[test]
fn a_change_that_was_announced_shortens_nothing() {
    let adaptive = plain();
    let before = lives(&adaptive, 1, 1_000, 60, |_| 7)[59];
    let later = START + 100 * HOUR;
    adaptive.announce(1);
    assert_eq!(adaptive.loaded(&look(1, 8, later)), before);
    // It is the value that the next look is compared with.
    adaptive.loaded(&look(1, 8, later + HOUR));
    let Figures { same, changed, .. } = adaptive.figures();
    assert_eq!((same, changed), (60, 0));
}

#[test]
fn keys_that_began_together_do_not_end_together() {
    let adaptive = Adaptive::new(LEAST, MOST, 0.1);
    let mut all: Vec<_> = (0..100).map(|key| adaptive.loaded(&look(key, 0, START))).collect();
    all.sort_unstable();
    all.dedup();
    assert!(all.len() > 90 && all[0] * 10 >= all[all.len() - 1] * 9 - 10, "{all:?}");
}

#[test]
fn figures_say_what_was_found() {
    let adaptive = plain();
    assert_eq!(adaptive.figures(), Figures::default());
    let [one, other] = [lives(&adaptive, 1, 1_000, 11, |_| 7), lives(&adaptive, 2, 1_000, 6, |n| n)];
    let Figures { same, changed, keys, life, stale } = adaptive.figures();
    assert_eq!((same, changed, keys), (10, 5, 2));
    assert_eq!(life, one.iter().chain(&other).sum::<Millis>() / 17);
    assert!(stale > 0.0 && stale < 0.5, "{stale}");
}
