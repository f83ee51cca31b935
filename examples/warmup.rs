//! Jobs that load before anybody asks: at the start, and again and again, within a budget; and after a restart, for what
//! was asked for most before it.
//!
//! `cargo run --example warmup`

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cached_runtime::{Cache, cache, each, warmup};

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

/// Of all reviews those that are read most; also after a restart. (`local`: kept in memory only, so that the start has
/// something to do.)
#[warmup(hot = 500, concurrency = 50)]
#[cache(key = "review:{id}", skip(shop), cache = &shop.cache, local, ttl = "1h")]
async fn review(shop: &Shop, id: u32) -> String {
    shop.catalogue.ask().await;
    format!("review {id}")
}

/// A process with a cache of its own.
#[derive(Clone)]
struct Shop {
    cache: Cache,
    catalogue: Catalogue,
}

/// The life of one process, as its first thousand readers see it: how many of them waited.
async fn process(dir: &Path) -> cached_runtime::Result<u64> {
    let shop = Shop { cache: Cache::builder().disk_with(dir, 10 << 20).build()?, catalogue: Catalogue::default() };
    let warmer = shop.cache.warmup().with(shop.clone()).only(["review"]).silent().run().await?;
    let warmed = shop.catalogue.asked.load(Relaxed);
    println!("{}", warmer.report());
    // A few of 5,000 reviews get most of the readers, fifty of whom read at a time.
    let readers = (0..1_000_u32).map(|n| (n.wrapping_mul(2_654_435_769) >> 16) as f32 / 65_536.0);
    let ids: Vec<u32> = readers.map(|part| (part.powi(8) * 5_000.0) as u32).collect();
    let read = each::of(ids, async |id| Ok::<_, Infallible>(review(&shop, id).await)).at_once(50).run().await;
    assert!(read.failures.is_empty());
    let waited = shop.catalogue.asked.load(Relaxed) - warmed;
    warmer.shutdown().await;
    shop.cache.shutdown(Duration::from_secs(5)).await;
    Ok(waited)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = Cache::builder().install()?;
    let catalogue = Catalogue::default();

    let jobs = ["product", "menu", "exchange_rates"];
    let warmer = cache.warmup().with(catalogue.clone()).only(jobs).loads(150).run().await?;
    println!("{}\n", warmer.report());

    let (asked, start) = (catalogue.asked.load(Relaxed), Instant::now());
    product(&catalogue, 7).await;
    println!("the first customer waits {:?}", start.elapsed());
    let stats = cache.stats();
    let warmed = stats.site("product").map(|site| site.warmed).unwrap_or_default();
    println!("products: {} brought, {} used so far", warmed.brought, warmed.used);
    assert!(catalogue.asked.load(Relaxed) == asked && warmed.used == 1, "nobody asks the catalogue for it");

    warmer.shutdown().await;

    println!("\na restart");
    let dir = tempfile::tempdir()?;
    let (cold, warm) = (process(dir.path()).await?, process(dir.path()).await?);
    println!("of the first thousand readers {cold} waited for a load before it, {warm} after it");
    assert!(warm * 4 < cold);
    Ok(())
}
