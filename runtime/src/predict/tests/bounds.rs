//! What a predictor takes, and who waits for it.

use super::*;

#[test]
fn an_access_that_finds_the_lock_taken_is_lost_and_nothing_else() {
    let (shop, _) = experienced(0);
    let before = shop.figures();
    let taken = shop.predictor.sessions.bucket(mix(1));
    let ahead = shop.predictor.access(mix(1), mix(1_000), How::Hit, || unreachable!(), |_, _| unreachable!());
    assert!(ahead.is_empty());
    drop(taken);
    assert_eq!(shop.figures(), Figures { skipped: 1, ..before });
}

#[test]
fn any_number_of_keys_takes_no_more_than_what_was_said() {
    let limits = Limits { pairs: 1_024, sessions: 64, ..Limits::default() };
    let predictor = Predictor::new(limits);
    for n in 0..100_000_u64 {
        // Every other one a few times, so that pairs are let in.
        let key = if n % 4 < 2 { n } else { mix(n / 64) % 4_000 };
        predictor.access(n % 1_000, mix(key), How::Miss, || key, |_, _| false);
    }
    assert!(predictor.pairs.len() <= limits.pairs);
    assert!(predictor.keys.len() <= limits.pairs / 2);
    let held = predictor.held();
    assert!(held > 0 && held <= Predictor::<u64>::bytes(&limits), "{held}");
}

#[test]
fn the_default_takes_a_few_mebibytes() {
    let bytes = Predictor::<[u8; 16]>::bytes(&Limits::default());
    let without_sessions = Predictor::<[u8; 16]>::bytes(&Limits { sessions: 8, ..Limits::default() });
    assert!(without_sessions < 2 << 20, "{without_sessions}");
    assert!(bytes < without_sessions + 4_096 * 1_700, "{bytes}");
}

#[test]
fn the_same_accesses_lead_to_the_same_predictions() {
    assert_eq!(experienced(1).0.figures(), experienced(1).0.figures());
}

#[test]
fn keys_that_can_be_sent_make_a_predictor_that_can_be_shared() {
    const fn shared<T: Send + Sync>() {}
    const { shared::<Predictor<std::cell::Cell<u8>>>() }
}

#[test]
fn threads_get_in_nobodys_way() {
    let predictor = Predictor::new(small());
    let run = |seed: u64| {
        let chance = Chance::new(seed);
        for _ in 0..500 {
            for key in recipe(chance.below(40)) {
                let how = if chance.happens(0.5) { How::Miss } else { How::Hit };
                // Some share a session.
                predictor.access(seed / 2, mix(key), how, || key, |_, _| false);
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|seed| drop(scope.spawn(move || run(seed)))));
    let figures = predictor.figures();
    assert!(figures.pairs > 0);
    assert!(figures.issued >= figures.used + figures.late + figures.wasted, "{figures:?}");
}
