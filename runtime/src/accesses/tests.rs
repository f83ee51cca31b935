use super::*;
use crate::chance::Chance;

const START: Millis = 1_000_000_000_000;
const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;

fn log(most: usize) -> AccessLog {
    AccessLog::new(most, START)
}

/// One access of the key with this number.
fn note(log: &AccessLog, key: u64, weight: u32, now: Millis) {
    log.note(Chance::new(key).next(), weight, now, || Some(key.to_string()));
}

fn top(log: &AccessLog, most: usize) -> Vec<String> {
    log.hottest(&Wish { most, least: 0.0 }, None, None, START)
}

fn texts(keys: impl IntoIterator<Item = u64>) -> Vec<String> {
    keys.into_iter().map(|key| key.to_string()).collect()
}

fn recent(at: Millis, keys: &[(&str, f64)]) -> Recent {
    let keys = keys.iter().map(|(text, score)| ((*text).to_owned(), *score)).collect();
    Recent { at, keys, judged: Judged::default() }
}

#[test]
fn a_log_is_shared_by_threads() {
    const fn shared<T: Send + Sync>() {}
    shared::<AccessLog>();
}

#[test]
fn hot_keys_survive_a_flood_of_keys_that_are_asked_for_once() {
    let (log, chance) = (log(100), Chance::new(1));
    let flood = |keys: std::ops::Range<u64>| keys.for_each(|key| note(&log, 1_000 + key, 1, START));
    flood(0..10_000);
    (0..300).for_each(|_| note(&log, chance.below(100), 128, START + MINUTE));
    let hot: Vec<_> = top(&log, 100).into_iter().filter(|text| text.len() < 3).collect();
    assert!(hot.len() > 90);
    flood(10_000..200_000);
    assert_eq!(top(&log, hot.len()), hot);
    assert_eq!(log.figures().keys, 400);
}

#[test]
fn recency_beats_old_frequency_after_some_half_lives() {
    let log = log(10);
    (0..1_000).for_each(|_| note(&log, 1, 1, START));
    note(&log, 2, 2, START + 8 * HOUR);
    assert_eq!(top(&log, 2), texts([1, 2]));
    note(&log, 2, 2, START + 10 * HOUR);
    assert_eq!(top(&log, 2), texts([2, 1]));
}

#[test]
fn a_text_is_made_for_a_key_that_is_not_known_only() {
    let log = log(10);
    log.note(7, 1, START, || Some("seven".to_owned()));
    log.note(7, 1, START, || unreachable!("is known"));
    assert_eq!(top(&log, 9), ["seven"]);
}

#[test]
fn long_texts_are_not_kept() {
    let log = log(10);
    log.note(1, 1, START, || Some("x".repeat(LONGEST + 1)));
    assert_eq!(log.figures().keys, 0);
    log.note(1, 1, START, || Some("x".repeat(LONGEST)));
    assert_eq!(log.figures().keys, 1);
}

#[test]
fn moving_the_landmark_changes_no_order_and_no_score() {
    let log = log(100);
    let mut now = START;
    for step in 0..400 {
        now += HOUR;
        (0..10).for_each(|n| note(&log, step % 40 + n, 3, now));
    }
    let before = log.recent(now);
    let after = log.recent(now + 30 * HOUR);
    assert_eq!(before.keys.len(), 49);
    for ((key, before), (same, after)) in before.keys.iter().zip(&after.keys) {
        assert!(key == same && (after / before * 30_f64.exp2() - 1.0).abs() < 1e-9);
    }
    let all = log.hottest(&Wish { most: 49, least: 0.0 }, None, None, now + 300 * HOUR);
    assert!(before.keys.iter().map(|key| &key.0).eq(&all));
    assert!(log.recent(now + 300 * HOUR).keys.is_empty(), "and then it is forgotten");
}

#[test]
fn time_that_goes_back_does_no_harm() {
    let log = log(10);
    for (n, now) in [START, START - 5, START - 2 * HOUR, u64::MAX, 0, START, START - 1].into_iter().enumerate() {
        note(&log, n as u64, 1, now);
        log.hour_over(now);
        log.begin_hour(None, now);
    }
    assert_eq!(log.figures().keys, 7);
    // Accesses count as before, and scores are numbers.
    (0..5).for_each(|_| note(&log, 3, 1, START - 3 * HOUR));
    assert_eq!(top(&log, 1), texts([3]));
    assert!(log.recent(START).keys.iter().all(|(_, score)| score.is_finite()));
}

#[test]
fn a_clock_set_back_makes_nothing_of_old_accesses() {
    let log = log(10);
    (0..3).for_each(|_| note(&log, 1, 1, START + 50 * HOUR));
    (0..4).for_each(|_| note(&log, 2, 1, START));
    assert_eq!(log.recent(START), recent(START, &[("2", 4.0), ("1", 3.0)]));
}

#[test]
fn a_contended_lock_loses_an_access_and_nothing_else() {
    let log = log(10);
    note(&log, 1, 1, START);
    let taken = log.book.lock();
    note(&log, 1, 1, START);
    log.note(2, 1, START, || unreachable!("lost"));
    drop(taken);
    assert_eq!(log.recent(START), recent(START, &[("1", 1.0)]));
}

#[test]
fn what_is_saved_and_restored_keeps_its_order_and_its_scores() {
    let (before, after) = (log(100), log(100));
    (0..300).for_each(|key| (0..=key % 50).for_each(|_| note(&before, key, 1, START + key * MINUTE)));
    let now = START + 5 * HOUR;
    let saved = before.recent(now);
    assert_eq!(saved.keys.len(), 200);
    after.restore(&saved, now);
    assert_eq!(top(&after, 200), top(&before, 200));
    // As often as one likes, and an hour later.
    after.restore(&saved, now);
    let later = after.recent(now + HOUR);
    for ((_, saved), (_, later)) in saved.keys.iter().zip(&later.keys) {
        assert!((later * 2.0 / saved - 1.0).abs() < 1e-9);
    }
}

#[test]
fn what_was_restored_is_recognised_when_it_is_asked_for() {
    let log = log(10);
    log.restore(&recent(START, &[("1", 5.0), ("2", 4.0)]), START);
    (0..2).for_each(|_| note(&log, 2, 1, START));
    assert_eq!(log.recent(START), recent(START, &[("2", 6.0), ("1", 5.0)]));
    log.note(Chance::new(2).next(), 1, START, || unreachable!("is known"));
    // Of what is known the higher score counts.
    log.restore(&recent(START, &[("1", 9.0), ("2", 6.5)]), START);
    assert_eq!(log.recent(START), recent(START, &[("1", 9.0), ("2", 7.0)]));
}

#[test]
fn what_cannot_have_been_saved_does_no_harm() {
    let log = log(10);
    let mut keys: Vec<_> = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, f64::MIN_POSITIVE / 2.0]
        .into_iter()
        .zip(["nan", "infinite", "minus infinite", "minus", "nothing", "hardly anything"])
        .map(|(score, text)| (text.to_owned(), score))
        .collect();
    keys.extend([("twice".to_owned(), 2.0), ("twice".to_owned(), 3.0), ("x".repeat(LONGEST + 1), 4.0)]);
    keys.extend((0..100_000).map(|n| (format!("many {n}"), f64::MAX)));
    log.restore(&Recent { at: u64::MAX, keys, judged: Judged::default() }, START);
    let recent = log.recent(START);
    assert_eq!(recent.keys.len(), 19);
    assert_eq!(recent.keys[0], ("many 0".to_owned(), 1e12));
    assert_eq!(recent.keys[18], ("twice".to_owned(), 3.0));
    log.restore(&Recent { at: 0, ..recent }, START);
    (0..60).for_each(|hour| note(&log, 1, u32::MAX, START + hour * HOUR));
    assert_eq!(top(&log, 1), texts([1]));
}

#[test]
fn counts_belong_to_the_hour_in_which_they_were_counted() {
    // START is in that hour.
    let (log, hour) = (log(10), 277_777);
    let next = (hour + 1) * HOUR;
    note(&log, 1, 5, next - 1);
    assert_eq!(log.hour_over(next - 1), None);
    // Before anybody has asked, in both orders.
    note(&log, 1, 7, next);
    note(&log, 1, 1, next - 1);
    note(&log, 2, 2, next);
    let ended = |hour: u64, counts: &[(&str, f32)]| {
        let counts = counts.iter().map(|(text, n)| ((*text).to_owned(), *n)).collect();
        Some(Ended { hour: (hour % 24) as u8, day: hour / 24, counts })
    };
    let first = log.hour_over(next + MINUTE);
    assert_eq!(first.as_ref().map(|ended| (ended.hour, ended.day)), Some((1, 11_574)));
    assert_eq!(first, ended(hour, &[("1", 6.0)]));
    assert_eq!(log.hour_over(next + MINUTE), None);
    note(&log, 2, 1, next + MINUTE);
    // Nobody asks for some hours.
    note(&log, 3, 9, next + 5 * HOUR);
    assert_eq!(log.hour_over(next + 5 * HOUR), ended(hour + 1, &[("2", 3.0)]));
    assert_eq!(log.hour_over(next + 6 * HOUR), ended(hour + 6, &[("3", 9.0)]));
    assert_eq!(log.hour_over(next + 7 * HOUR), ended(hour + 7, &[]));
}

#[test]
fn each_hour_is_asked_for_by_its_own_name() {
    assert_eq!([START, START + 14 * MINUTE, 0, 23 * HOUR, 24 * HOUR - 1].map(Hour::of_day), [1, 2, 0, 23, 23]);
}

#[cfg(feature = "tiers")]
#[test]
fn what_is_saved_reads_back_the_same() {
    let log = log(10);
    (0..30).for_each(|key| note(&log, key % 7, 3, START + key * MINUTE / 3));
    let recent = log.recent(START + 77 * MINUTE);
    let hour = Hour::default().with(7, &log.hour_over(START + HOUR).expect("is over").counts, 10);
    let json = serde_json::to_vec(&(&recent, &hour)).expect("JSON");
    assert_eq!(serde_json::from_slice::<(Recent, Hour)>(&json).expect("JSON"), (recent.clone(), hour.clone()));
    let bytes = postcard::to_stdvec(&(&recent, &hour)).expect("bytes");
    assert_eq!(postcard::from_bytes::<(Recent, Hour)>(&bytes).expect("bytes"), (recent, hour));
}
