//! Each piece of advice is given where it is due, and nowhere else.

use std::time::Duration;

use super::sites::{Subject, together};
use super::whole::Whole;
use super::{Advice, Severity};
use crate::cache::Cache;
use crate::facts::{Facts, OfRedis};
use crate::key::Pattern;
use crate::policy::Policy;

const MINUTE: u64 = 60_000;

fn subject(policy: Policy) -> Subject {
    Subject { name: "app.site".to_owned(), life: 5 * MINUTE, by_default: false, stale: policy.stale, policy }
}

/// A cache that nothing is wrong with.
fn sound() -> Whole {
    let redis = OfRedis { usual_prefix: false, readable: false, max_frame: 2 << 20, fence: MINUTE };
    let facts =
        Facts { redis: Some(redis), shared: true, read_deadline: 50, pending: 4096, batch: 64, ..Facts::default() };
    Whole { facts, near: 64 << 20, memory: Some(8 << 30), max_value: 1 << 20, ..Whole::default() }
}

fn ids(advice: &[Advice]) -> Vec<&'static str> {
    advice.iter().map(|advice| advice.id).collect()
}

#[test]
fn a_function_is_told_what_is_wrong_with_it_and_nothing_else() {
    type Say = fn(&mut Policy);
    let cases: [(&str, Say); 8] = [
        ("refresh-ahead-of-life", |policy| policy.refresh_ahead = 5 * MINUTE - 1),
        ("nothing-served-stale", |policy| (policy.none, policy.stale) = (Some(1_000), MINUTE)),
        ("nothing-outlives-values", |policy| policy.none = Some(6 * MINUTE)),
        ("errors-outlive-values", |policy| policy.err = Some(5 * MINUTE)),
        ("idle-beyond-life", |policy| policy.idle = Some(5 * MINUTE)),
        ("timeout-within-deadline", |policy| policy.timeout = Some(50)),
        ("load-beyond-fence", |policy| policy.timeout = Some(MINUTE)),
        ("", |policy| (policy.refresh_ahead, policy.err, policy.timeout) = (MINUTE, Some(5_000), Some(5_000))),
    ];
    for (id, say) in cases {
        let mut policy = Policy::DEFAULT;
        say(&mut policy);
        let found = subject(policy).advise(&sound());
        assert_eq!(ids(&found), if id.is_empty() { vec![] } else { vec![id] });
        assert!(found.iter().all(|advice| advice.site.as_deref() == Some("app.site")));
    }
}

#[test]
fn what_needs_other_nodes_is_told_where_there_are_none() {
    let policy = Policy { strict: Some(true), cluster: true, ..Policy::DEFAULT };
    assert!(subject(policy).advise(&sound()).is_empty());
    let alone = Whole { facts: Facts::default(), ..sound() };
    assert_eq!(ids(&subject(policy).advise(&alone)), ["strict-alone", "lock-alone"]);
}

#[test]
fn an_old_value_after_a_life_by_default_is_a_hint() {
    let site = Subject { by_default: true, ..subject(Policy { stale: MINUTE, ..Policy::DEFAULT }) };
    assert_eq!(ids(&site.advise(&sound())), ["stale-without-ttl"]);
}

#[test]
fn functions_whose_entries_end_together_are_told_of_once() {
    let site = subject(Policy { jitter: 0.0, ..Policy::DEFAULT });
    assert!(together(&[site.clone(), site.clone()]).is_empty());
    let three = [site.clone(), site.clone(), site.clone()];
    assert_eq!(ids(&together(&three)), ["equal-lives"]);
    let apart = Subject { life: MINUTE, ..site.clone() };
    assert!(together(&[site.clone(), site, apart]).is_empty());
}

#[test]
fn a_cache_is_told_what_is_wrong_with_it_and_nothing_else() {
    type Say = fn(&mut Whole);
    let cases: [(&str, Severity, Say); 12] = [
        ("near-over-memory", Severity::Danger, |whole| whole.near = 9 << 30),
        ("near-over-memory", Severity::Warning, |whole| whole.near = 7 << 30),
        ("long-deadline", Severity::Warning, |whole| whole.facts.read_deadline = 5_000),
        ("paused", Severity::Hint, |whole| whole.paused = true),
        ("short-queue", Severity::Warning, |whole| whole.facts.pending = 63),
        ("values-over-frames", Severity::Hint, |whole| whole.max_value = 3 << 20),
        ("shared-prefix", Severity::Hint, |whole| {
            whole.facts.redis.iter_mut().for_each(|redis| redis.usual_prefix = true);
        }),
        ("redis-readable", Severity::Warning, |whole| {
            whole.facts.redis.iter_mut().for_each(|redis| redis.readable = true);
        }),
        ("temporary-store", Severity::Warning, |whole| whole.facts.places = vec![("disk", "/tmp/store".into())]),
        ("limit-over-near", Severity::Hint, |whole| whole.limits = vec![("video".to_owned(), 64 << 20)]),
        ("limit-of-nobody", Severity::Hint, |whole| whole.limits = vec![("viedo".to_owned(), 1 << 20)]),
        ("strict-alone", Severity::Hint, |whole| (whole.strict, whole.facts.shared) = (true, false)),
    ];
    assert!(sound().advise().is_empty());
    for (id, severity, say) in cases {
        let mut whole = sound();
        say(&mut whole);
        let found = whole.advise();
        assert_eq!(ids(&found), [id]);
        assert_eq!(found[0].severity, severity, "{id}");
        assert!(!found[0].remedy.is_empty() && found[0].to_string().contains(id));
    }
}

#[test]
fn a_pattern_that_no_key_gets_to_is_told() {
    let patterns = |globs: &[&str]| globs.iter().filter_map(|glob| Pattern::new(glob).ok()).collect();
    let unreached = Whole { patterns: patterns(&["video:*", "query:*", "video:intro:*"]), ..sound() };
    assert_eq!(ids(&unreached.advise()), ["pattern-unreached"]);
    let reached = Whole { patterns: patterns(&["video:intro:*", "video:*", "query:*"]), ..sound() };
    assert!(reached.advise().is_empty());
}

#[test]
fn encryption_answers_for_a_network_that_can_be_read() {
    let mut whole = sound();
    whole.facts.encrypted = true;
    whole.facts.redis.iter_mut().for_each(|redis| redis.readable = true);
    assert!(whole.advise().is_empty());
}

#[test]
fn the_gravest_comes_first() {
    let cache = Cache::builder().near_bytes(1 << 60).paused(true).ttl(Duration::from_secs(1)).build();
    let advice = cache.map(|cache| cache.advise()).unwrap_or_default();
    assert_eq!(advice.first().map(|advice| advice.id), Some("near-over-memory"));
    assert!(advice.iter().any(|advice| advice.id == "paused"));
    assert!(advice.is_sorted_by(|a, b| a.severity >= b.severity));
}
