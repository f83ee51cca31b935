//! A small shop: cached functions of every kind, over a tier and a database.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::response::ResponseCache;
use cached_runtime::testing::Chaos;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::warmup::Warmer;
use cached_runtime::{Builder, Cache, cache, cache_query, invalidate, warmup};
use http::{Request, Response};
use sqlx::Sqlite;
use tempfile::TempDir;
use tower::{Layer as _, ServiceExt as _, service_fn};

static OPENED: AtomicU64 = AtomicU64::new(0);

/// A cache, what fails below it, and what is sold.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) cache: Cache,
    pub(crate) clock: Clock,
    pub(crate) chaos: Arc<Chaos>,
    pub(crate) db: Database<Sqlite>,
    fails: Arc<AtomicBool>,
    /// How long the shop takes for a page.
    pace: Duration,
    _place: Arc<TempDir>,
}

/// The shop did not answer.
#[derive(Debug, Clone)]
pub(crate) struct Away;

#[cache(
    key = "product:{id}:page",
    ttl = "10m",
    stale = "1h",
    jitter = 0.0,
    tags = ["product:{id}"],
    skip(shop),
    cache = &shop.cache
)]
pub(crate) async fn page(shop: &Shop, id: u32) -> Result<String, Away> {
    tokio::time::sleep(shop.pace * (1 + id % 4)).await;
    if shop.fails.load(Ordering::SeqCst) { Err(Away) } else { Ok(format!("the page of product {id}").repeat(60)) }
}

#[cache(key = "category:{id}", ttl = "10m", tags = ["category:{id}", "products"], skip(shop), cache = &shop.cache)]
pub(crate) async fn category(shop: &Shop, id: u32) -> Vec<u32> {
    tokio::time::sleep(shop.pace * 2).await;
    (0..id % 40).collect()
}

#[cache(key = "session:{user}", ttl = "1h", jitter = 0.0, local, skip(shop), cache = &shop.cache)]
pub(crate) async fn session(shop: &Shop, user: &str) -> u64 {
    tokio::time::sleep(shop.pace).await;
    user.len() as u64
}

#[cache_query(tables = ["price"], ttl = "1h")]
pub(crate) async fn price(db: &Database<Sqlite>, product: i64) -> cached_runtime::Result<i64> {
    Ok(db.fetch_one::<(i64,)>("SELECT cents FROM price WHERE product = ?", (product,)).await?.0)
}

#[warmup(args = 0..5)]
#[cache(key = "shelf:{id}", ttl = "1h", jitter = 0.0, skip(shop), cache = &shop.cache)]
pub(crate) async fn shelf(shop: &Shop, id: u32) -> String {
    tokio::time::sleep(shop.pace).await;
    format!("shelf {id}")
}

#[invalidate(tags = ["product:{id}"], cache = &shop.cache)]
pub(crate) async fn rename(shop: &Shop, id: u32) -> Result<(), Away> {
    Ok(())
}

#[invalidate(tags = ["product:{id}", "category:{to}", "products"], cache = &shop.cache)]
pub(crate) async fn move_to(shop: &Shop, id: u32, to: u32) -> Result<(), Away> {
    Ok(())
}

#[invalidate(tables = ["price"], cache = &shop.cache)]
pub(crate) async fn set_price(shop: &Shop, product: i64, cents: i64) -> cached_runtime::Result<()> {
    shop.db.execute("UPDATE price SET cents = ? WHERE product = ?", (cents, product)).await.map(drop)
}

impl Shop {
    pub(crate) async fn open(clock: Clock) -> Self {
        let chaos = Arc::new(Chaos::new(Arc::new(MemoryTier::new()), 7));
        let builder = Cache::builder().seed(7).tier(Arc::clone(&chaos));
        Self::built(builder, chaos, clock, Duration::ZERO, tempfile::tempdir().unwrap()).await
    }

    /// One that takes its time, over a disk, with so much room in near.
    pub(crate) async fn at_pace(clock: Clock, pace: Duration, near: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        let chaos = Arc::new(Chaos::new(Arc::new(MemoryTier::new()), 7));
        let builder = Cache::builder().seed(7).near_bytes(near).disk(place.path().join("frames"));
        Self::built(builder, chaos, clock, pace, place).await
    }

    async fn built(builder: Builder, chaos: Arc<Chaos>, clock: Clock, pace: Duration, place: TempDir) -> Self {
        let cache = builder.clock(clock.clone()).build().unwrap();
        let url = format!("sqlite://{}?mode=rwc", place.path().join("shop.db").display());
        // Databases of one process have names of their own.
        let name = format!("shop-{}", OPENED.fetch_add(1, Ordering::Relaxed));
        // A machine that is busy with a browser may let wait for a connection.
        let options = DatabaseOptions::new().name(&name).cache(&cache).acquire_deadline(Duration::from_secs(30));
        let db = Database::open(&url, options).unwrap();
        for text in [
            "CREATE TABLE price (product INTEGER PRIMARY KEY, cents INTEGER NOT NULL)",
            "INSERT INTO price (product, cents) VALUES (1, 100), (2, 250), (3, 975), (4, 1), (5, 19)",
        ] {
            db.execute(text, ()).await.unwrap();
        }
        let fails = Arc::default();
        Self { cache, clock, chaos, db, fails, pace, _place: Arc::new(place) }
    }

    /// Its warm-up, which has run once.
    pub(crate) async fn warmed(&self) -> Arc<Warmer> {
        let warmup = self.cache.warmup().with(self.clone()).silent().only(["shop.shelf"]);
        Arc::new(warmup.run().await.unwrap())
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// The shop's window: one page that is kept, one that is not, each asked for three times.
    pub(crate) async fn window(&self) {
        let window = service_fn(|asked: Request<String>| async move {
            let control = if asked.uri().path() == "/basket" { "private" } else { "max-age=60" };
            Ok::<_, Infallible>(Response::builder().header("cache-control", control).body(String::new()).unwrap())
        });
        let service = ResponseCache::new(&self.cache).unwrap().layer(window);
        for path in ["/window", "/basket"].repeat(3) {
            let asked = Request::get(path).header("host", "shop.test").body(String::new()).unwrap();
            service.clone().oneshot(asked).await.unwrap();
        }
    }

    /// A morning: hits, misses, hits of the tier, stale serves, queries, invalidations.
    pub(crate) async fn morning(&self) {
        for id in 0..40 {
            page(self, id).await.unwrap();
        }
        for _ in 0..1_300 {
            page(self, 7).await.unwrap();
        }
        for user in ["ann", "bob", "cy"] {
            session(self, user).await;
        }
        for product in 1..=5 {
            for _ in 0..product {
                price(&self.db, product).await.unwrap();
            }
        }
        rename(self, 3).await.unwrap();
        set_price(self, 1, 120).await.unwrap();
        self.cache.flush(Duration::from_secs(20)).await;
        self.cache.clear_tier("near").await.unwrap();
        for id in 0..4 {
            page(self, id).await.unwrap();
        }
        self.clock.advance(Duration::from_secs(601));
        self.fail(true);
        for id in 0..3 {
            page(self, id).await.unwrap();
        }
        self.fail(false);
    }
}
