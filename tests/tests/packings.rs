//! A function's compression has to be known: no cache is made until it is.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use cached_runtime::compress::Profile;
use cached_runtime::{Cache, ErrorKind, cache};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

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

#[cache(compress = "journals", cache = cache, skip(cache))]
async fn journal(cache: &Cache, year: u32) -> String {
    let _ = cache;
    format!("journal of {year}")
}

/// What the runtime tells the log.
#[derive(Debug, Default, Clone)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn of(&self, word: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(word)).count()
    }
}

struct Written(String);

impl Visit for Written {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Written(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A function that says itself which cache serves it is not known when that is made.
#[tokio::test]
async fn where_it_cannot_be_refused_it_is_told_once() {
    let lines = Lines::default();
    let _here = tracing::subscriber::set_default(lines.clone());
    let cache = Cache::builder().compress_profile(Profile::new("ledgers")).build().unwrap();
    for year in 1..4 {
        assert_eq!(journal(&cache, year).await, format!("journal of {year}"));
    }
    assert_eq!(lines.of("journals"), 1, "{lines:?}");
    let known = Cache::builder().compress_profile(Profile::new("ledgers")).compress_profile(Profile::new("journals"));
    journal(&known.build().unwrap(), 1).await;
    assert_eq!(lines.of("journals"), 1, "{lines:?}");
}

#[tokio::test]
async fn a_profile_for_a_site_that_there_is_not_is_told_once() {
    let lines = Lines::default();
    let _here = tracing::subscriber::set_default(lines.clone());
    let own = || Profile::new("own");
    let builder = Cache::builder().compress_profile(Profile::new("ledgers"));
    let builder = builder.compress_site("packings.ledger", own()).compress_site("opened", own());
    let cache = builder.compress_site("legder", own()).build().unwrap();
    cache.namespace::<u32>("opened").unwrap();
    for _ in 0..3 {
        let _ = cache.stats();
    }
    assert_eq!((lines.of("compress_site"), lines.of("legder")), (1, 1), "{lines:?}");
}
