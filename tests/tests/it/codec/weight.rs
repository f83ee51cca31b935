use std::collections::HashMap;

use cached_runtime::codec::weigh;
use serde::{Serialize, Serializer};

use super::video;

#[test]
fn weight_follows_the_rules_it_is_documented_with() {
    assert_eq!(weigh(&1_u8), 1);
    assert_eq!(weigh(&(1_u64, 'x', 1.0_f32, true)), 8 + 4 + 4 + 1);
    assert_eq!(weigh("abc"), 24 + 3);
    assert_eq!(weigh(&vec![1_u32; 10]), 24 + 40);
    assert_eq!(weigh(&vec!["ab".to_owned(); 3]), 24 + 3 * (24 + 2));
    assert_eq!(weigh(&HashMap::from([(1_u8, 2_u8), (3, 4)])), 48 + 2 * (16 + 2));
    assert_eq!(weigh(&Some(1_u8)), 8 + 1);
    assert_eq!(weigh(&None::<u64>), 8);
    assert!(weigh(&video()) > video().title.len());
}

struct Failing;

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no"))
    }
}

struct Displayed;

impl Serialize for Displayed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}-{}", 10, 20))
    }
}

#[derive(Serialize)]
struct Node(Option<Box<Node>>);

#[test]
fn an_error_on_the_way_yields_what_was_counted() {
    assert_eq!(weigh(&(1_u32, Failing, 1_u64)), 4);
    assert_eq!(weigh(&Displayed), 24 + 5);
}

#[test]
fn a_long_chain_does_not_use_up_the_stack() {
    let mut chain = Node(None);
    for _ in 0..5000 {
        chain = Node(Some(Box::new(chain)));
    }
    assert!(weigh(&chain) >= 1000);
}
