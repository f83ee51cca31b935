//! Two parts are the same part if and only if they write the same text, and no value reaches beyond its segment.

use std::collections::{BTreeMap, HashMap, HashSet};

use cached_runtime::key::{KeyWriter, MAX_KEY, OwnedKey, Pattern, Secret, escape, secret};
use cached_runtime::{KeyPart, ReadPart};
use proptest::prelude::*;

fn text<P: KeyPart + ?Sized>(part: &P) -> String {
    let mut out = KeyWriter::new(Secret::default());
    out.part(part);
    out.finish_text()
}

/// Text of the characters that mean something in keys.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::string::string_regex("[:%~e(),=#*?ab0\\[\\]ä]{0,3}").unwrap(),
        1 => any::<String>(),
    ]
}

type Parts = (String, Option<String>, Vec<Option<String>>, BTreeMap<String, Option<u8>>, Vec<u8>, Option<Option<bool>>);

fn parts() -> impl Strategy<Value = Parts> {
    (
        hostile(),
        prop::option::of(hostile()),
        prop::collection::vec(prop::option::of(hostile()), 0..3),
        prop::collection::btree_map(hostile(), prop::option::of(0..3_u8), 0..3),
        prop::collection::vec(prop_oneof![Just(0_u8), Just(b'a'), Just(b'%'), Just(0xFF)], 0..3),
        prop::option::of(prop::option::of(any::<bool>())),
    )
}

fn agree<P: KeyPart>(a: &P, b: &P, same: bool) -> Result<(), TestCaseError> {
    prop_assert_eq!(text(a) == text(b), same, "{} and {}", text(a), text(b));
    let (kept_a, kept_b) = (OwnedKey(a.to_owned_part()), OwnedKey(b.to_owned_part()));
    prop_assert_eq!(kept_a == kept_b, same);
    prop_assert_eq!(a.same_part(&kept_b.0), same);
    prop_assert_eq!(b.same_part(&kept_a.0), same);
    prop_assert!(a.same_part(&kept_a.0));
    prop_assert_eq!(text(&kept_a.0), text(a), "kept and borrowed write the same");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equal_arguments_and_only_they_have_equal_keys(all in prop::collection::vec(parts(), 2..8)) {
        for a in &all {
            for b in &all {
                agree(a, b, a == b)?;
                agree(&a.2, &b.2, a.2 == b.2)?;
                agree(&a.4, &b.4, a.4 == b.4)?;
                agree(&a.3, &b.3, a.3 == b.3)?;
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back(part in parts(), garbage in hostile()) {
        let mut out = KeyWriter::new(Secret::default());
        out.part(&part);
        let text = out.as_str();
        prop_assert_eq!(Parts::read_part(text), Some(part), "{}", text);
        let more = format!("{text}{garbage}");
        prop_assert_eq!(Parts::read_part(&more).is_some(), garbage.is_empty(), "{}", more);
        if let Some(read) = Option::<Vec<Option<String>>>::read_part(&garbage) {
            prop_assert_eq!(self::text(&read), garbage, "another text is another part");
        }
    }

    #[test]
    fn a_segment_ends_where_it_should(a in hostile(), b in hostile(), c in hostile(), d in hostile()) {
        let key = |x: &str, y: &str| {
            let mut out = KeyWriter::new(Secret::default());
            out.literal("n:").part(x).literal(":").part(y);
            out.finish()
        };
        prop_assert_eq!(key(&a, &b) == key(&c, &d), (&a, &b) == (&c, &d));
        if key(&a, &b).as_str().len() < MAX_KEY {
            prop_assert_eq!(key(&a, &b).as_str().matches(':').count(), 2);
        }
    }

    #[test]
    fn an_escaped_value_matches_itself_only(a in hostile(), b in hostile()) {
        prop_assume!(a.len() < 200 && b.len() < 200 && !a.is_empty() && !b.is_empty());
        let pattern = Pattern::new(&format!("n:{}:*", escape(&a))).unwrap();
        let key = format!("n:{}:x", escape(&b));
        prop_assert_eq!(pattern.matches(&key), a == b, "{} on {}", pattern, key);
    }

    #[test]
    fn maps_and_sets_have_no_order(pairs in prop::collection::vec((hostile(), hostile()), 0..6)) {
        let one: HashMap<_, _> = pairs.iter().cloned().collect();
        let mut other = HashMap::with_capacity(1_000);
        for (k, v) in &one {
            other.insert(k.clone(), v.clone());
        }
        agree(&one, &other, true)?;
        let (set, keys): (HashSet<_>, HashSet<_>) = (one.keys().cloned().collect(), other.into_keys().collect());
        agree(&set, &keys, true)?;
        let mut more = one.clone();
        more.insert("one more".to_owned(), String::new());
        agree(&one, &more, false)?;
    }

    #[test]
    fn floats_are_their_bits(a in any::<u64>(), b in any::<u64>()) {
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        agree(&x, &x, true)?;
        prop_assert_eq!(text(&x) == text(&y), OwnedKey(x.to_owned_part()) == OwnedKey(y.to_owned_part()));
        if !x.is_nan() && !y.is_nan() && x != y {
            agree(&x, &y, false)?;
        }
    }

    #[test]
    fn long_names_are_cut_and_still_told_apart(a in "[a:]{900,1500}", b in "[a:]{900,1500}", tail in "[b]{1,2}") {
        prop_assert!(text(&a).len() <= MAX_KEY);
        agree(&a, &b, a == b)?;
        agree(&a, &format!("{a}{tail}"), false)?;
    }
}

#[test]
fn special_floats_are_told_apart() {
    let all =
        [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::EPSILON, 0.1, 0.1 + 1e-17];
    for a in all {
        for b in all {
            let same = OwnedKey(a.to_owned_part()) == OwnedKey(b.to_owned_part());
            assert_eq!(text(&a) == text(&b), same, "{a} and {b}");
            assert!(a == b || !same, "{a} and {b} are two numbers");
        }
    }
    assert_eq!(text(&f64::NAN), text(&f64::NAN));
    assert!(f64::NAN.same_part(&f64::NAN.to_owned_part()), "a result for NaN is found again");
}

#[test]
fn a_cut_key_is_named_by_any_pattern_that_could_name_it() {
    let mut out = KeyWriter::new(Secret::default());
    out.literal("n:").part(&"a".repeat(5_000));
    let key = out.finish();
    assert_eq!(key.as_str().len(), MAX_KEY);
    for glob in ["n:*", "n:a*", "n:aaaa*z", "n:*:end"] {
        assert!(Pattern::new(glob).unwrap().matches(key.as_str()), "{glob}: rather too much than too little");
    }
    assert!(!Pattern::new("m:*").unwrap().matches(key.as_str()));
    assert!(!Pattern::new("n:b*").unwrap().matches(key.as_str()));
}

#[test]
fn a_secret_is_hashed_in_text_and_itself_in_memory() {
    let (a, b) = ("token of one".to_owned(), "token of another".to_owned());
    assert!(!text(&secret(&a)).contains("token"));
    assert_eq!(text(&secret(&a)), text(&secret(&a)));
    assert_ne!(text(&secret(&a)), text(&secret(&b)));
    assert!(secret(&a).same_part(&secret(&a).to_owned_part()));
    assert!(!secret(&a).same_part(&secret(&b).to_owned_part()));
    let mut other = KeyWriter::new(Secret([1; 16]));
    other.part(&secret(&a));
    assert_ne!(other.finish_text(), text(&secret(&a)), "another secret, another hash");
    assert!(!format!("{:?}", secret(&a)).contains("token"));
}

/// The control: joined by a comma, as is often done, lists collide.
#[test]
fn lists_joined_by_hand_collide() {
    assert_eq!(["a,b"].join(","), ["a", "b"].join(","));
    assert_ne!(text(&vec!["a,b"]), text(&vec!["a", "b"]));
}
