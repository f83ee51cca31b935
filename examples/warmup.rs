//! Jobs that load before anybody asks: at the start, and again and again, within a budget.
//!
//! `cargo run --example warmup`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cached_runtime::{Cache, cache, warmup};

/// A catalogue that takes 20 ms for everything.
#[derive(Clone, Default)]
struct Catalogue {
    asked: Arc<AtomicU64>,
}

impl Catalogue {
    async fn ask(&self) {
        self.asked.fetch_add(1, Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    async fn bestsellers(&self) -> Result<Vec<u32>, std::io::Error> {
        self.ask().await;
        Ok((1..=200).collect())
    }
}

/// The bestsellers are there before the first customer; they are loaded anew each half hour, and do not end all at once.
#[warmup(args_from = catalogue.bestsellers().await?, on_start, every = "30m", spread = "10m", concurrency = 20)]
#[cache(key = "product:{id}", skip(catalogue), ttl = "1h")]
async fn product(catalogue: &Catalogue, id: u32) -> String {
    catalogue.ask().await;
    format!("product {id}")
}

/// In three languages, and before the products.
#[warmup(args = ["en", "de", "pt"], priority = 10)]
#[cache(key = "menu:{lang}", skip(catalogue), ttl = "1d")]
async fn menu(catalogue: &Catalogue, lang: &str) -> Result<Vec<String>, String> {
    catalogue.ask().await;
    if lang == "pt" { Err("the menu was not translated yet".to_owned()) } else { Ok(vec![format!("books ({lang})")]) }
}

/// A job of its own: what it needs is given by its type.
#[warmup(deadline = "5s", lock = "cluster")]
async fn exchange_rates(catalogue: &Catalogue) {
    catalogue.ask().await;
}

#[tokio::main]
async fn main() -> cached_runtime::Result<()> {
    let cache = Cache::builder().install()?;
    let catalogue = Catalogue::default();

    let warmer = cache.warmup().with(catalogue.clone()).loads(150).run().await?;
    println!("{}\n", warmer.report());

    let start = Instant::now();
    product(&catalogue, 7).await;
    println!("the first customer waits {:?}", start.elapsed());
    let stats = cache.stats();
    let warmed = stats.site("product").map(|site| site.warmed).unwrap_or_default();
    println!("products: {} brought, {} used so far", warmed.brought, warmed.used);
    assert!(start.elapsed() < Duration::from_millis(20) && warmed.used == 1);

    warmer.shutdown().await;
    Ok(())
}
