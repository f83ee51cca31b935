//! The tiers below near, from the nearest to the deepest: read down, write through, remove deepest first.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::codec::Frame;
use crate::group::Record;
use crate::key::Key;
use crate::log::Log;
use crate::stats::{LevelStats, SharedStats};
use crate::tier::{Applied, Behind, Breaker, BreakerState, Flushed, Judge, Metered};

/// All tiers of one cache.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack {
    levels: Arc<[Level]>,
}

/// One tier as the stack uses it.
pub(crate) struct Level {
    pub(crate) name: String,
    pub(crate) tier: Behind,
    pub(crate) meter: Arc<Metered>,
    /// What it said of itself last.
    #[cfg(feature = "_seen")]
    pub(crate) said: crate::tier::state::LastSaid,
    /// For reads, and for writes.
    pub(crate) breakers: [Arc<Breaker>; 2],
    /// May a frame be served from here now, beyond what the log says of it?
    pub(crate) vouches: Judge,
    /// How many calls were answered with a frame of it.
    pub(crate) answered: AtomicU64,
    /// Do other nodes write here as well, though the log is elsewhere?
    pub(crate) common: bool,
    /// What is known of the log that this tier holds for all nodes; none for a tier of the node's own.
    #[cfg(feature = "_shared")]
    pub(crate) shared: Option<Arc<crate::follow::Seen>>,
}

/// What reading down found for one key.
#[derive(Debug, Default)]
pub(crate) struct Down {
    /// The first frame on the way that is still fresh, else the first that may be served stale.
    pub(crate) frame: Option<Frame>,
    /// Which tier had it, from the nearest on.
    pub(crate) from: usize,
    /// How many tiers failed.
    pub(crate) failed: u64,
}

impl Stack {
    pub(crate) fn new(levels: Vec<Level>) -> Self {
        Self { levels: levels.into() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The tiers, from the nearest to the deepest.
    pub(crate) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Reads these keys down the tiers; what an upper one did not have fresh is asked of the next.
    pub(crate) async fn read(&self, keys: &[Key], now: u64) -> Vec<Down> {
        let mut found: Vec<Down> = keys.iter().map(|_| Down::default()).collect();
        for (depth, level) in self.levels.iter().enumerate() {
            let open: Vec<usize> = (0..keys.len()).filter(|&i| !is_fresh(found[i].frame.as_ref(), now)).collect();
            if open.is_empty() {
                break;
            }
            let asked: Vec<Key> = open.iter().map(|&i| keys[i].clone()).collect();
            match level.tier.get(&asked).await {
                Ok(frames) => {
                    for (&i, frame) in open.iter().zip(frames) {
                        self.take(&mut found[i], frame.filter(|frame| (level.vouches)(frame)), depth, now);
                    }
                }
                Err(_) => open.iter().for_each(|&i| found[i].failed += 1),
            }
        }
        found
    }

    /// Reads one key down the tiers, as most reads do: without the lists that several take.
    pub(crate) async fn read_one(&self, key: &Key, now: u64) -> Down {
        let mut found = Down::default();
        for (depth, level) in self.levels.iter().enumerate() {
            match level.tier.get_one(key).await {
                Ok(frame) => self.take(&mut found, frame.filter(|frame| (level.vouches)(frame)), depth, now),
                Err(_) => found.failed += 1,
            }
            if is_fresh(found.frame.as_ref(), now) {
                break;
            }
        }
        found
    }

    /// Reads one key up the tiers: what nodes share is known by the deepest, whatever a node has of its own.
    pub(crate) async fn read_up(&self, key: &Key, now: u64) -> Down {
        let mut found = Down::default();
        for level in self.levels.iter().rev() {
            match level.tier.get_one(key).await {
                Ok(frame) => found.frame = frame.filter(|frame| (level.vouches)(frame) && is_fresh(Some(frame), now)),
                Err(_) => found.failed += 1,
            }
            if found.frame.is_some() {
                break;
            }
        }
        found
    }

    /// Keeps the better frame, and copies a fresh one into the tiers above it as it is: its life is in it.
    fn take(&self, found: &mut Down, frame: Option<Frame>, depth: usize, now: u64) {
        let Some(frame) = frame else { return };
        let better = found.frame.as_ref().is_none_or(|old| old.head().fresh_until < frame.head().fresh_until);
        if better {
            if is_fresh(Some(&frame), now) {
                self.write_to(&self.levels[..depth], &frame);
            }
            found.frame = Some(frame);
            found.from = depth;
        }
    }

    /// A call was answered with what this tier had.
    pub(crate) fn answered(&self, from: usize) {
        if let Some(level) = self.levels.get(from) {
            level.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Stores a frame in every tier. Never waits; false if one had no room for it.
    pub(crate) fn write(&self, frame: &Frame) -> bool {
        self.write_to(&self.levels, frame)
    }

    fn write_to(&self, levels: &[Level], frame: &Frame) -> bool {
        // Not `all`, which stops at the first tier that has no room.
        let open = levels.iter().rev().filter(|level| level.takes_frames());
        let refused = open.filter(|level| level.tier.put(frame.clone()).is_err()).count();
        refused == 0
    }

    /// Applies invalidations to every tier, the deepest first, so that nothing old can climb.
    pub(crate) async fn apply(&self, records: &[Record]) -> Applied {
        let mut all = Applied::Applied;
        for level in self.levels.iter().rev() {
            if level.tier.apply(records.to_vec()).await == Applied::Queued {
                all = Applied::Queued;
                #[cfg(feature = "_shared")]
                self.keep_owed(level, records).await;
            }
        }
        all
    }

    /// Leaves invalidations to the tiers' own threads; until a tier has taken them, nothing is read from it. Never waits.
    pub(crate) fn queue(&self, records: &[Record]) {
        for level in self.levels.iter().rev() {
            level.tier.queue(records.to_vec());
            #[cfg(feature = "_shared")]
            self.keep_owed_behind(level, records);
        }
    }

    /// The deepest tier that is the node's own; else the deepest that can keep something for it.
    pub(crate) fn own(&self) -> Option<&Level> {
        let mut own = self.levels.iter().rev().filter(|level| level.is_own());
        own.clone().find(|level| !level.common).or_else(|| own.next())
    }

    /// The tier that nodes share.
    #[cfg(feature = "_shared")]
    pub(crate) fn shared(&self) -> Option<&Level> {
        self.levels.iter().find(|level| level.shared.is_some())
    }

    /// Turns among the nodes that share a tier, if there is one and it is there now.
    #[cfg(feature = "_shared")]
    pub(crate) fn leases(&self) -> Option<Arc<dyn crate::tier::shared::Leases>> {
        let level = self.shared().filter(|level| level.takes_frames())?;
        level.shared.as_ref()?.leases.get().cloned()
    }

    #[cfg(feature = "_shared")]
    pub(crate) fn shared_stats(&self, log: &Log, clock: &Clock) -> Option<SharedStats> {
        let seen = self.shared()?.shared.as_ref()?;
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
        let now = clock.now_assured();
        Some(SharedStats {
            // Nobody may have doubted an old proof yet.
            proven: log.is_proven() && !log.proof().has_lapsed(now),
            connected: seen.connected.load(std::sync::atomic::Ordering::Acquire),
            number: log.shared_top().position.number,
            heard: read(&seen.heard),
            adopted: read(&seen.adopted),
            sessions: read(&seen.sessions),
            suspicions: read(&seen.suspicions),
            lag: seen.lags.stats(now),
            behind: seen.lags.behind(),
            proof_age: seen.proven_at().map(|at| now.saturating_sub(at) as f64 / 1e3),
        })
    }

    #[cfg(not(feature = "_shared"))]
    pub(crate) fn shared_stats(&self, _: &Log, _: &Clock) -> Option<SharedStats> {
        None
    }

    /// What the shared log could not be told is kept in the node's own tier, so that it outlives the process.
    #[cfg(feature = "_shared")]
    async fn keep_owed(&self, level: &Level, records: &[Record]) {
        let (Some(seen), Some(own)) = (&level.shared, self.own()) else { return };
        let groups = records.iter().map(|record| record.group.clone()).collect();
        let kept = {
            // One who says that all was told must not come in between.
            let mut owing = seen.owing.lock();
            *owing = true;
            own.tier.note(crate::group::Note::Owed(groups))
        };
        seen.kept(kept.await);
    }

    /// The same for code without a runtime.
    #[cfg(feature = "_shared")]
    fn keep_owed_blocking(&self, level: &Level, records: &[Record]) {
        let (Some(seen), Some(own)) = (&level.shared, self.own()) else { return };
        let groups = records.iter().map(|record| record.group.clone()).collect();
        let kept = {
            let mut owing = seen.owing.lock();
            *owing = true;
            own.tier.note_blocking(crate::group::Note::Owed(groups))
        };
        seen.kept(kept());
    }

    /// The same without waiting.
    #[cfg(feature = "_shared")]
    fn keep_owed_behind(&self, level: &Level, records: &[Record]) {
        let (Some(seen), Some(own)) = (&level.shared, self.own()) else { return };
        let mut owing = seen.owing.lock();
        *owing = true;
        own.tier.note_behind(crate::group::Note::Owed(records.iter().map(|record| record.group.clone()).collect()));
    }

    /// The same for code without a runtime.
    pub(crate) fn apply_blocking(&self, records: &[Record]) -> Applied {
        let mut all = Applied::Applied;
        for level in self.levels.iter().rev() {
            if level.tier.apply_blocking(records.to_vec()) == Applied::Queued {
                all = Applied::Queued;
                #[cfg(feature = "_shared")]
                self.keep_owed_blocking(level, records);
            }
        }
        all
    }

    /// Writes what is waiting.
    pub(crate) async fn flush(&self, deadline: Duration) -> Flushed {
        let mut sum = Flushed::default();
        for level in self.levels.iter() {
            add(&mut sum, level.tier.flush(deadline).await);
        }
        sum
    }

    /// Writes what is waiting and stops.
    pub(crate) async fn shutdown(&self, deadline: Duration) -> Flushed {
        let mut sum = Flushed::default();
        for level in self.levels.iter() {
            add(&mut sum, level.tier.shutdown(deadline).await);
        }
        sum
    }

    pub(crate) fn stats(&self) -> Vec<LevelStats> {
        self.levels.iter().map(Level::stats).collect()
    }
}

impl Level {
    /// Does nobody but this node write to it?
    pub(crate) fn is_own(&self) -> bool {
        #[cfg(feature = "_shared")]
        return self.shared.is_none();
        #[cfg(not(feature = "_shared"))]
        true
    }

    /// A shared tier that is away is not sent frames: they would wait in vain.
    fn takes_frames(&self) -> bool {
        #[cfg(feature = "_shared")]
        return self.shared.as_ref().is_none_or(|seen| seen.connected.load(std::sync::atomic::Ordering::Acquire));
        #[cfg(not(feature = "_shared"))]
        true
    }

    fn stats(&self) -> LevelStats {
        let (meter, queue) = (self.meter.snapshot(), self.tier.stats());
        LevelStats {
            tier: self.name.clone(),
            hits: meter.hits,
            misses: meter.misses,
            answered: self.answered.load(Ordering::Relaxed),
            errors: meter.errors.values().sum(),
            pending: queue.pending_frames as u64,
            backlog: queue.backlog as u64,
            closed: queue.closed,
            reads: word(self.breakers[0].state()),
            writes: word(self.breakers[1].state()),
            written: queue.written,
            dropped: queue.dropped,
            refused: queue.refused,
            unreadable: queue.unreadable,
            newer: queue.newer,
            bytes_written: meter.bytes_in,
            bytes_read: meter.bytes_out,
            entries: queue.entries,
            bytes: queue.bytes,
        }
    }
}

fn word(state: BreakerState) -> String {
    let word = match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half-open",
    };
    word.to_owned()
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Level").field("name", &self.name).field("tier", &self.tier).finish_non_exhaustive()
    }
}

fn add(sum: &mut Flushed, more: Flushed) {
    sum.written += more.written;
    sum.spared += more.spared;
    sum.unwritten += more.unwritten;
    sum.records += more.records;
}

fn is_fresh(frame: Option<&Frame>, now: u64) -> bool {
    frame.is_some_and(|frame| frame.head().fresh_until > now)
}
