use std::collections::{BTreeMap, HashMap};

use super::*;

fn same<T: Serialize>(a: &T, b: &T) -> bool {
    let [a, b] = [a, b].map(|value| fingerprint(value).expect("walked to its end"));
    a == b
}

/// Without `derive`, which the crate has with feature `tiers` only.
#[derive(Clone)]
struct Row {
    id: u64,
    name: &'static str,
    score: Option<f64>,
    note: Option<&'static str>,
}

const ROW: Row = Row { id: 7, name: "seven", score: Some(0.5), note: None };

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut row = serializer.serialize_struct("Row", 4)?;
        row.serialize_field("id", &self.id)?;
        row.serialize_field("name", self.name)?;
        for (field, value) in [("left", self.score), ("right", self.score.map(|score| -score))] {
            match value {
                Some(value) if value > 0.0 => row.serialize_field(field, &value)?,
                _ => row.skip_field(field)?,
            }
        }
        row.serialize_field("note", &self.note)?;
        row.end()
    }
}

enum Kind {
    None,
    Other,
    One(u32),
    Two(u32),
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit_variant("Kind", 0, "None"),
            Self::Other => serializer.serialize_unit_variant("Kind", 1, "Other"),
            Self::One(one) => serializer.serialize_newtype_variant("Kind", 2, "One", one),
            Self::Two(two) => serializer.serialize_newtype_variant("Kind", 3, "Two", two),
        }
    }
}

/// A list whose length is not known before its end.
struct Unsized<'a>(&'a [u32]);

impl Serialize for Unsized<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut all = serializer.serialize_seq(None)?;
        self.0.iter().try_for_each(|one| all.serialize_element(one))?;
        all.end()
    }
}

#[test]
fn equal_values_are_equal() {
    assert!(same(&vec![ROW, ROW], &vec![ROW.clone(), ROW]));
    assert!(same(&f64::NAN, &f64::NAN));
    assert!(same(&"one text".to_owned(), &["one", "text"].join(" ")));
}

#[test]
fn another_field_is_another_value() {
    let others = [
        Row { id: 8, ..ROW },
        Row { name: "Seven", ..ROW },
        Row { score: None, ..ROW },
        Row { score: Some(0.25), ..ROW },
        // The same number, under the next name.
        Row { score: Some(-0.5), ..ROW },
        Row { note: Some(""), ..ROW },
    ];
    assert!(others.iter().all(|other| !same(&ROW, other)));
}

#[test]
fn another_order_or_length_is_another_list() {
    assert!(!same(&vec![1, 2], &vec![2, 1]));
    assert!(!same(&vec![vec![1_u8], vec![2, 3]], &vec![vec![1, 2], vec![3]]));
    assert!(!same(&vec![vec![0_u8; 3]], &vec![vec![0; 2]]));
    assert!(!same(&(Unsized(&[1]), Unsized(&[1, 1])), &(Unsized(&[1, 1]), Unsized(&[1]))));
    assert!(same(&Unsized(&[1, 2]), &Unsized(&[1, 2])));
}

#[test]
fn another_division_of_a_text_is_another_value() {
    assert!(!same(&("ab", "c"), &("a", "bc")));
    assert!(!same(&(format_args!("ab"), 1), &(format_args!("a"), 1)));
}

#[test]
fn another_variant_is_another_value() {
    assert!(!same(&None, &Some(0_u8)) && !same(&Some(None), &None::<Option<u8>>));
    assert!(!same(&Kind::None, &Kind::Other));
    assert!(!same(&Kind::One(1), &Kind::Two(1)) && !same(&Kind::One(1), &Kind::One(2)));
    assert!(!same(&0.0, &-0.0) && !same(&true, &false) && !same(&'a', &'b'));
}

#[test]
fn the_order_of_a_map_does_not_count_and_each_entry_does() {
    let entries = |n: u32| (0..n).map(|n| (n, n.to_string()));
    // Each map hashes with a seed of its own.
    let [one, other] = [0; 2].map(|_| entries(500).collect::<HashMap<_, _>>());
    assert!(!one.iter().eq(other.iter()) && same(&one, &other));
    assert!(same(&(&one, 1), &(&other, 1)) && !same(&(&one, 1), &(&other, 2)));
    let mut less = other.clone();
    less.remove(&3);
    let mut changed = other;
    changed.insert(3, "4".to_owned());
    assert!(!same(&one, &less) && !same(&one, &changed));
}

#[test]
fn keys_and_values_of_a_map_keep_together() {
    let map = |pairs: &[(u8, u8)]| pairs.iter().copied().collect::<BTreeMap<_, _>>();
    assert!(!same(&map(&[(1, 2), (2, 1)]), &map(&[(1, 1), (2, 2)])));
    assert!(!same(&vec![map(&[(1, 1)]), map(&[])], &vec![map(&[]), map(&[(1, 1)])]));
    let nested = |n: u8| BTreeMap::from([(1, map(&[(1, n), (2, 2)])), (2, map(&[]))]);
    assert!(same(&nested(1), &nested(1)) && !same(&nested(1), &nested(2)));
}

struct Nested(usize);

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_unit(),
            left => serializer.serialize_some(&Self(left - 1)),
        }
    }
}

#[test]
fn what_cannot_be_walked_to_its_end_has_none() {
    assert!(fingerprint(&Nested(MAX_DEPTH)).is_some());
    assert_eq!(fingerprint(&Nested(MAX_DEPTH + 1)), None);
    assert_eq!(fingerprint(&Nested(1_000_000)), None);
    let locked = std::cell::RefCell::new(1);
    let _held = locked.borrow_mut();
    assert_eq!(fingerprint(&locked), None);
}

/// Who keeps them may compare them with those of another process.
#[test]
fn fingerprints_stay_what_they_are() {
    assert_eq!(fingerprint("a text"), fingerprint(&"a text".to_owned()));
    assert_eq!(format!("{:016x}", fingerprint(&(1_u64, "one")).expect("walked")), "7fb5b2f69507e954");
}
