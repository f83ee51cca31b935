//! Cached methods: receivers, traits, generics, and a cache of one's own.
//!
//! `cargo run --example methods`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cached_runtime::{Cache, cache};

static LOADS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone)]
struct Shop {
    tenant: String,
    cache: Cache,
}

impl Shop {
    /// What of `self` makes the result different stands in the key. A load has its own copy of `self`.
    #[cache(key = "price:{self.tenant}:{article}")]
    pub async fn price(&self, article: u32) -> u32 {
        LOADS.fetch_add(1, Relaxed);
        article * 100 + self.tenant.len() as u32
    }

    /// The same for every shop: `self` is skipped. `cache = ..` names another cache than the installed one.
    #[cache(skip(self), cache = self.cache, companions = false)]
    pub async fn vat(&self, country: &str) -> u32 {
        LOADS.fetch_add(1, Relaxed);
        if country == "de" { 19 } else { 20 }
    }

    /// Behind an `Arc` the load has the same shop, not a copy.
    #[cache(key = "motto:{self.tenant}")]
    async fn motto(self: Arc<Self>) -> String {
        LOADS.fetch_add(1, Relaxed);
        format!("{}, at your service", self.tenant)
    }
}

trait Catalogue {
    async fn describe(&self, article: u32) -> String;
}

/// In the implementation of a trait, too.
impl Catalogue for Shop {
    #[cache(key = "description:{self.tenant}:{article}")]
    async fn describe(&self, article: u32) -> String {
        LOADS.fetch_add(1, Relaxed);
        format!("article {article} of {}", self.tenant)
    }
}

/// The type itself is part of the key: `width::<u8>()` and `width::<u32>()` share nothing.
#[cache]
async fn width<T: Send + 'static>() -> usize {
    LOADS.fetch_add(1, Relaxed);
    size_of::<T>()
}

#[tokio::main]
async fn main() -> cached_runtime::Result<()> {
    let cache = Cache::builder().build()?;
    let [acme, globex] = ["acme", "globex"].map(|t| Shop { tenant: t.to_owned(), cache: cache.clone() });
    for _ in 0..3 {
        assert_eq!((acme.price(1).await, globex.price(1).await), (104, 106));
        assert_eq!((acme.vat("de").await, globex.vat("de").await), (19, 19));
        assert_eq!(Arc::new(acme.clone()).motto().await, "acme, at your service");
        assert_eq!(acme.describe(7).await, "article 7 of acme");
        assert_eq!((width::<u8>().await, width::<u32>().await), (1, 4));
    }
    assert_eq!(LOADS.load(Relaxed), 7, "each once: two prices, one tax, motto, description, two widths");
    acme.price_entry(1).remove().await;
    println!("{}\n{}", Cache::installed().stats(), cache.stats());
    Ok(())
}
