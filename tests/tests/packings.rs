//! A function's compression has to be known: no cache is made until it is.
#![allow(missing_docs, clippy::unwrap_used)]

use cached_runtime::compress::Profile;
use cached_runtime::{Cache, ErrorKind, cache};

#[cache(compress = "ledgers")]
async fn ledger(year: u32) -> String {
    format!("ledger of {year}")
}

#[tokio::test]
async fn a_compression_that_nobody_knows_is_refused() {
    let error = Cache::builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let said = error.to_string();
    assert!(said.contains("ledgers") && said.contains("json, response, text, binary"), "{said}");
    Cache::builder().compress_profile(Profile::new("ledgers")).build().unwrap();
}

/// Without a cache that was made it lives as others.
#[tokio::test]
async fn until_then_the_function_works() {
    assert_eq!(ledger(1).await, "ledger of 1");
}
