//! A function for one and its batch have one name, but would fill the key in another order: no cache is made.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::HashMap;

use cached_runtime::{Cache, ErrorKind, cache};

#[cache(name = "seat", key = "seat:{row}:{number}")]
async fn seat(row: u32, number: u32) -> Option<String> {
    Some(format!("row {row}, number {number}"))
}

#[cache(name = "seat", key = "seat:{numbers}:{row}", batch = numbers)]
async fn seats(row: u32, numbers: &[u32]) -> HashMap<u32, String> {
    numbers.iter().map(|number| (*number, format!("row {row}, number {number}"))).collect()
}

#[tokio::test]
async fn a_batch_that_fills_the_key_otherwise_is_refused() {
    let error = Cache::builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("a function and its batch have one name"), "{error}");
}

/// Without a cache that was made they share nothing.
#[tokio::test]
async fn until_then_they_share_nothing() {
    assert_eq!(seat(1, 2).await.unwrap(), "row 1, number 2");
    assert_eq!(seats(2, &[1]).await[&1], "row 2, number 1");
    assert_eq!(seat(2, 1).await.unwrap(), "row 2, number 1");
}
