//! Two functions of one key template in one program: their entries would replace each other, so no cache is made.
#![allow(missing_docs, clippy::unwrap_used)]

use cached_runtime::{Cache, ErrorKind, cache};

#[cache(key = "video:{id}:frames")]
async fn frames(id: u32) -> u32 {
    id
}

#[cache(key = "video:{number}:frames")]
async fn pictures(number: u32) -> u32 {
    number + 100
}

#[tokio::test]
async fn two_functions_of_one_template_are_refused() {
    let error = Cache::builder().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.context("setting"), Some("key"));
    assert_eq!(error.context("which"), Some("video:{}:frames"));
    for _ in 0..2 {
        assert_eq!((frames(1).await, pictures(1).await), (1, 101));
    }
}
