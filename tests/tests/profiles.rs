//! A function's profile has to be known: no cache is made until it is.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use cached_runtime::{Cache, ErrorKind, cache};

#[cache(profile = "nightly")]
async fn report(day: u32) -> String {
    format!("report of day {day}")
}

#[tokio::test]
async fn a_profile_that_nobody_knows_is_refused() {
    let error = Cache::builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let said = error.to_string();
    assert!(said.contains("nightly") && said.contains("query, resource, analysis, ml, static"), "{said}");
    Cache::builder().profile("nightly", Duration::from_secs(86_400)).build().unwrap();
}

/// Without a cache that was made it lives as others.
#[tokio::test]
async fn until_then_the_function_works() {
    assert_eq!(report(1).await, "report of day 1");
}
