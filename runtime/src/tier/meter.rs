//! What a tier was asked, what it answered, and how long it took.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;

use crate::codec::Frame;
use crate::error::Result;
use crate::group::Record;
#[cfg(feature = "_seen")]
use crate::histogram::Histogram;
use crate::key::Key;
use crate::tier::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};

/// A tier that counts. Costs two readings of the clock and a few atomics per operation.
pub struct Metered {
    tier: Arc<dyn Tier>,
    counts: Counts,
}

/// The counts of one tier at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TierStats {
    /// Keys asked for.
    pub gets: u64,
    /// Keys found.
    pub hits: u64,
    /// Keys not found. A key asked for in an operation that failed is neither found nor not found.
    pub misses: u64,
    /// Frames stored.
    pub puts: u64,
    /// Records applied.
    pub applied: u64,
    /// Failed operations, by the kind of the error.
    pub errors: BTreeMap<&'static str, u64>,
    /// Bytes of the frames stored.
    pub bytes_in: u64,
    /// Bytes of the frames found.
    pub bytes_out: u64,
    /// How long `get` took.
    pub reads: Latency,
    /// How long `put` and `apply` took.
    pub writes: Latency,
}

/// How long operations took, failed ones included, dropped ones not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Operations.
    pub calls: u64,
    /// Their times together, in microseconds.
    pub total_micros: u64,
    /// The longest of them, in microseconds.
    pub max_micros: u64,
}

#[derive(Debug, Default)]
struct Counts {
    gets: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    applied: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    reads: Timer,
    writes: Timer,
    // Locked on a failure only.
    errors: Mutex<BTreeMap<&'static str, u64>>,
}

#[derive(Debug, Default)]
struct Timer {
    #[cfg(feature = "_seen")]
    all: Histogram,
    calls: AtomicU64,
    total: AtomicU64,
    max: AtomicU64,
}

impl Metered {
    /// This tier, counted from now on.
    #[must_use]
    pub fn new(tier: Arc<dyn Tier>) -> Self {
        Self { tier, counts: Counts::default() }
    }

    /// How long reads and writes took.
    #[cfg(feature = "_seen")]
    pub(crate) fn times(&self) -> (&Histogram, &Histogram) {
        (&self.counts.reads.all, &self.counts.writes.all)
    }

    /// The counts now. Those of operations under way may be there in part.
    #[must_use]
    pub fn snapshot(&self) -> TierStats {
        self.counts.snapshot()
    }
}

impl Counts {
    fn snapshot(&self) -> TierStats {
        let Self { gets, hits, misses, puts, applied, bytes_in, bytes_out, reads, writes, errors } = self;
        TierStats {
            gets: read(gets),
            hits: read(hits),
            misses: read(misses),
            puts: read(puts),
            applied: read(applied),
            errors: errors.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            bytes_in: read(bytes_in),
            bytes_out: read(bytes_out),
            reads: reads.snapshot(),
            writes: writes.snapshot(),
        }
    }

    /// Awaits one operation; its failure is counted.
    async fn watch<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let answer = call.await;
        if let Err(error) = &answer {
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            *errors.entry(error.kind().word()).or_default() += 1;
        }
        answer
    }
}

impl Timer {
    async fn time<T>(&self, call: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let answer = call.await;
        let took = start.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        #[cfg(feature = "_seen")]
        self.all.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        add(&self.calls, 1);
        add(&self.total, micros);
        self.max.fetch_max(micros, Ordering::Relaxed);
        answer
    }

    fn snapshot(&self) -> Latency {
        Latency { calls: read(&self.calls), total_micros: read(&self.total), max_micros: read(&self.max) }
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[deny(clippy::missing_trait_methods)]
impl Tier for Metered {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let counts = &self.counts;
            add(&counts.gets, keys.len() as u64);
            let found = counts.reads.time(counts.watch(self.tier.get(keys))).await?;
            let hits = found.iter().flatten().count();
            add(&counts.hits, hits as u64);
            add(&counts.misses, (found.len() - hits) as u64);
            add(&counts.bytes_out, found.iter().flatten().map(|b| b.len() as u64).sum());
            Ok(found)
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(async move {
            let counts = &self.counts;
            let left_out = counts.writes.time(counts.watch(self.tier.put(frames))).await?;
            for (_, frame) in frames.iter().enumerate().filter(|(place, _)| !left_out.contains(place)) {
                add(&counts.puts, 1);
                add(&counts.bytes_in, frame.bytes().len() as u64);
            }
            Ok(left_out)
        })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(async move {
            let counts = &self.counts;
            counts.writes.time(counts.watch(self.tier.apply(records))).await?;
            add(&counts.applied, records.len() as u64);
            Ok(())
        })
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(self.counts.watch(self.tier.remove(keys)))
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(self.counts.watch(self.tier.note(note)))
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(self.counts.watch(self.tier.recall()))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.counts.watch(self.tier.tidy(step)))
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(self.counts.watch(self.tier.clear(after, most)))
    }

    fn state(&self) -> Reply<'_, TierState> {
        self.tier.state()
    }

    fn trust(&self, trusted: bool) {
        self.tier.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.tier.close()
    }
}

impl fmt::Display for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metered({})", self.tier)
    }
}

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tier, counts } = self;
        f.debug_struct("Metered").field("tier", tier).field("counts", counts).finish()
    }
}
