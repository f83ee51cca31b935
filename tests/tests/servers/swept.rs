//! An operator's clean-up beside the worker's own sweep, over any tier: one cursor, two who walk it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use cached_runtime::Cache;
use cached_runtime::clock::Clock;
use cached_runtime::codec::Frame;
use cached_runtime::group::{Note, Recall, Record};
use cached_runtime::key::Key;
use cached_runtime::namespace::SetOptions;
use cached_runtime::tier::{Reply, Step, Tidied, Tier};

const LONG: Duration = Duration::from_secs(30);
/// So many of each kind: that expire, that are invalidated, that stay, and that come meanwhile.
const EACH: u64 = 400;

/// A tier that counts what its upkeep removes, and how many see to it at once.
pub(crate) struct Watched {
    tier: Arc<dyn Tier>,
    pub(crate) removed: AtomicU64,
    pub(crate) steps: AtomicU64,
    at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
}

impl Watched {
    pub(crate) fn over(tier: Arc<dyn Tier>) -> Arc<Self> {
        let (removed, steps, at_once, most_at_once) = Default::default();
        Arc::new(Self { tier, removed, steps, at_once, most_at_once })
    }
}

impl Tier for Watched {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        self.tier.get(keys)
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        self.tier.put(frames)
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        self.tier.apply(records)
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        self.tier.remove(keys)
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        self.tier.note(note)
    }

    fn recall(&self) -> Reply<'_, Recall> {
        self.tier.recall()
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(async move {
            self.most_at_once.fetch_max(self.at_once.fetch_add(1, SeqCst) + 1, SeqCst);
            // Whoever else walks gets his turn now.
            tokio::task::yield_now().await;
            let tidied = self.tier.tidy(step).await;
            self.at_once.fetch_sub(1, SeqCst);
            self.steps.fetch_add(1, SeqCst);
            self.removed.fetch_add(tidied.as_ref().map_or(0, |tidied| tidied.removed as u64), SeqCst);
            tidied
        })
    }

    fn trust(&self, trusted: bool) {
        self.tier.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.tier.close()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("watched")
    }
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not within half a minute: {what}");
}

/// Both find the same work, do it once, and leave what is valid.
pub(crate) async fn a_cleanup_beside_the_sweep_counts_each_entry_once(tier: Arc<dyn Tier>) {
    let (clock, watched) = (Clock::manual(), Watched::over(tier));
    let builder = Cache::builder().clock(clock.clone()).seed(7).read_deadline(LONG).write_deadline(LONG);
    let cache = builder.tier(Arc::clone(&watched)).build().unwrap();
    let names = cache.namespace::<u64>("swept").unwrap();
    let hour = Duration::from_secs(3_600);
    for n in 0..EACH {
        names.set_with(format!("expires-{n}"), n, SetOptions::new().ttl(Duration::from_secs(60)));
        names.set_with(format!("invalid-{n}"), n, SetOptions::new().ttl(hour).tag("swept:gone"));
        names.set_with(format!("stays-{n}"), n, SetOptions::new().ttl(hour));
    }
    assert_eq!(cache.flush(LONG).await.unwritten, 0);
    assert_eq!(cache.stats().tiers[0].written, 3 * EACH);
    clock.advance(Duration::from_secs(61));
    // From here on the worker has something to sweep, and so has who cleans up; others come meanwhile.
    cache.invalidate_tags(["swept:gone"]).await;
    let cleaning = (0..3).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.cleanup().await })
    });
    let cleaning: Vec<_> = cleaning.collect();
    for n in 0..EACH {
        names.set_with(format!("comes-{n}"), n, SetOptions::new().ttl(hour));
        tokio::task::yield_now().await;
    }
    let mut cleaned = 0;
    for one in cleaning {
        let one = tokio::time::timeout(LONG, one).await.expect("it ends").unwrap();
        assert!(one.iter().all(|tier| tier.error.is_none()), "{one:?}");
        cleaned += one.iter().filter(|tier| tier.tier != "near").map(|tier| tier.removed).sum::<u64>();
    }
    let removed = watched.removed.load(SeqCst);
    assert_eq!(removed, 2 * EACH, "each that is invalid was removed once, by whoever met it first");
    assert!(cleaned <= removed, "{cleaned} of {removed}: the others were the worker's");
    assert_eq!(watched.most_at_once.load(SeqCst), 1, "one cursor, one who walks");
    assert_eq!(cache.flush(LONG).await.unwritten, 0);
    // The worker goes on by itself, and finds nothing more.
    let steps = watched.steps.load(SeqCst);
    eventually("the worker's next step", || watched.steps.load(SeqCst) > steps).await;
    assert_eq!(watched.removed.load(SeqCst), 2 * EACH);
    let again = cache.cleanup().await;
    assert!(again.iter().all(|tier| tier.removed == 0 && tier.error.is_none()), "{again:?}");
    // The tier alone has them all.
    cache.set_near_capacity(1);
    cache.set_near_capacity(64 << 20);
    for n in 0..EACH {
        assert_eq!(names.get(format!("stays-{n}")).await, Some(n), "what is valid is there");
        assert_eq!(names.get(format!("comes-{n}")).await, Some(n), "and what came meanwhile");
        assert_eq!(names.get(format!("expires-{n}")).await, None);
        assert_eq!(names.get(format!("invalid-{n}")).await, None);
    }
    cache.shutdown(LONG).await;
}

/// The control: two who walk without a word to each other are noticed.
pub(crate) async fn control_two_walks_at_once_are_noticed(tier: Arc<dyn Tier>) {
    let watched = Watched::over(tier);
    let walk = || {
        let watched = Arc::clone(&watched);
        tokio::spawn(async move {
            for _ in 0..20 {
                let step = Step { entries: 8, now: 1_000_000_000_000, keep: &|_| true, forget: None };
                watched.tidy(step).await.unwrap();
            }
        })
    };
    let (one, other) = (walk(), walk());
    one.await.unwrap();
    other.await.unwrap();
    assert_eq!(watched.most_at_once.load(SeqCst), 2);
}
