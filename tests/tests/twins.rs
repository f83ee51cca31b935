//! Two functions of one name in one program: a cache is not made for them until one of them is renamed.
//!
//! In a binary of its own, because the functions of a program are known to all of it.
#![allow(missing_docs, clippy::unwrap_used)]

use cached_runtime::{Cache, ErrorKind, cache};

#[derive(Clone)]
struct Users;

#[derive(Clone)]
struct Orders;

impl Users {
    #[cache(skip(self))]
    async fn get(&self, id: u32) -> String {
        format!("user {id}")
    }
}

impl Orders {
    #[cache(skip(self))]
    async fn get(&self, id: u32) -> String {
        format!("order {id}")
    }
}

#[tokio::test]
async fn two_functions_of_one_name_are_refused() {
    let error = Cache::builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.context("setting"), Some("name"));
    assert_eq!(error.context("which"), Some("twins.get"));
    let places = [error.context("first").unwrap(), error.context("second").unwrap()];
    assert!(places.iter().all(|place| place.contains("twins.rs:")), "{places:?}");
    assert_ne!(places[0], places[1]);
    assert!(error.to_string().contains("name = \"..\""), "it says what to do: {error}");
}

/// Without a cache that was made, near alone serves them, each from its own shelf.
#[tokio::test]
async fn until_then_they_share_nothing() {
    for _ in 0..2 {
        assert_eq!(Users.get(1).await, "user 1");
        assert_eq!(Orders.get(1).await, "order 1");
    }
}
