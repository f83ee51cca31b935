//! One node: it reads what many ask for, writes now and then, and keeps account of what it sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::{Applied, Cache, cache};
use parking_lot::Mutex;
use rand::Rng;

pub const ARTICLES: usize = 200;

/// The database that all nodes share: a version for each article, and when its last write was invalidated, by whom.
pub struct Shop {
    versions: Vec<AtomicU64>,
    told: Vec<Mutex<Vec<(u64, Instant, usize)>>>,
    pub loads: AtomicU64,
    pub open: AtomicBool,
}

impl Shop {
    pub fn new() -> Self {
        Self {
            versions: (0..ARTICLES).map(|_| AtomicU64::new(0)).collect(),
            told: (0..ARTICLES).map(|_| Mutex::default()).collect(),
            loads: AtomicU64::new(0),
            open: AtomicBool::new(true),
        }
    }

    pub fn version(&self, article: usize) -> u64 {
        self.versions[article].load(SeqCst)
    }
}

pub struct Node {
    number: usize,
    pub cache: Cache,
    pub shop: Arc<Shop>,
    pub reads: AtomicU64,
    pub stale: AtomicU64,
    pub oldest_micros: AtomicU64,
    /// Reads of something older than what this node itself had invalidated: there must be none.
    pub broken: AtomicU64,
    pub queued: AtomicU64,
}

#[cache(key = "article:{article}", tags = ["article:{article}"], ttl = "5m", cache = node.cache, skip(node))]
async fn article(node: &Arc<Node>, article: usize) -> u64 {
    node.shop.loads.fetch_add(1, SeqCst);
    let version = node.shop.version(article);
    tokio::time::sleep(Duration::from_millis(2)).await;
    version
}

impl Node {
    pub fn new(number: usize, cache: Cache, shop: Arc<Shop>) -> Arc<Self> {
        let zero = || AtomicU64::new(0);
        let (reads, stale, oldest_micros, broken, queued) = (zero(), zero(), zero(), zero(), zero());
        Arc::new(Self { number, cache, shop, reads, stale, oldest_micros, broken, queued })
    }

    pub async fn read(self: Arc<Self>) {
        while self.shop.open.load(SeqCst) {
            for _ in 0..20 {
                let id = rand::rng().random_range(0..ARTICLES);
                let start = Instant::now();
                let seen = article(&self, id).await;
                self.judge(id, seen, start);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn write(self: Arc<Self>) {
        while self.shop.open.load(SeqCst) {
            let id = rand::rng().random_range(0..ARTICLES);
            let version = self.shop.versions[id].fetch_add(1, SeqCst) + 1;
            if self.cache.invalidate_tags([format!("article:{id}")]).await == Applied::Queued {
                self.queued.fetch_add(1, SeqCst);
            }
            self.shop.told[id].lock().push((version, Instant::now(), self.number));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How old was what was seen, when the read began?
    fn judge(&self, id: usize, seen: u64, start: Instant) {
        self.reads.fetch_add(1, SeqCst);
        let told = self.shop.told[id].lock();
        let missed = told.iter().filter(|(version, at, _)| *version > seen && *at < start);
        for (_, at, by) in missed {
            if *by == self.number {
                self.broken.fetch_add(1, SeqCst);
            }
            self.stale.fetch_add(1, SeqCst);
            let age = u64::try_from((start - *at).as_micros()).unwrap_or(u64::MAX);
            self.oldest_micros.fetch_max(age, SeqCst);
        }
    }
}

impl Node {
    pub async fn look(self: &Arc<Self>, id: usize) -> u64 {
        article(self, id).await
    }
}
