//! A shelf as those see it who do not know its types: the statistics, the balancer, and who asks about a key.

use std::sync::Arc;

use super::Shelf;
#[cfg(feature = "_seen")]
use super::{Sign, Unshown};
#[cfg(feature = "_seen")]
use crate::accesses::AccessLog;
use crate::clock::Millis;
#[cfg(feature = "_seen")]
use crate::codec::{Frame, Preview};
use crate::key::KeyPart;
#[cfg(feature = "_seen")]
use crate::key::{Key, Secret};
use crate::log::Log;
use crate::near::{Balanced, HasNear};
#[cfg(feature = "_seen")]
use crate::policy::Policy;
use crate::stats::{AdaptiveStats, CompressStats, Counters, NotedStats, PredictStats, SiteStats};

/// A site's counters beside its shelf, for the statistics.
#[derive(Clone)]
pub(crate) struct Counted {
    name: String,
    counters: Arc<Counters>,
    shelf: Arc<dyn Looked>,
}

/// An entry as near has it; of its value no more than the beginning of its text, and that only for who asks for it.
#[cfg(feature = "_seen")]
#[derive(Debug)]
pub(crate) struct Laid {
    pub(crate) fresh_until: Millis,
    pub(crate) stale_until: Millis,
    /// Up to where in the log it is known to be valid.
    pub(crate) checked: u64,
    /// Tags that its key does not tell.
    pub(crate) tags: Box<[Arc<str>]>,
    pub(crate) weight: u32,
    pub(crate) asleep: bool,
    pub(crate) shown: Option<Result<Preview, Unshown>>,
}

/// What the statistics ask a shelf itself.
trait Looked: HasNear {
    /// How its keys are written, and whether calls go by it.
    #[cfg(feature = "_seen")]
    fn sign(&self) -> &Sign;

    /// Do calls go by it?
    #[cfg(feature = "_seen")]
    fn is_paused(&self) -> bool;

    /// Is nothing that was stored to be served now?
    #[cfg(feature = "_seen")]
    fn is_shut(&self, log: &Log) -> bool;

    /// The entry of this key in near, and the beginning of its value if that is wanted.
    #[cfg(feature = "_seen")]
    fn find(&self, key: &Key, secret: Secret, shown: bool) -> Option<Laid>;

    /// The beginning of what a frame holds.
    #[cfg(feature = "_seen")]
    fn shown(&self, frame: &Frame) -> Result<Preview, Unshown>;

    /// Is the key being loaded?
    #[cfg(feature = "_seen")]
    fn flies(&self, key: &Key, secret: Secret) -> bool;

    /// Can it read this frame?
    #[cfg(feature = "_seen")]
    fn reads(&self, frame: &Frame) -> Option<bool>;

    /// From now on it is noted what is asked for, and missed.
    #[cfg(feature = "_seen")]
    fn watch(&self);

    /// What is asked for most, and what is missed most, if that is noted.
    #[cfg(feature = "_seen")]
    fn asked_most(&self) -> [Option<&AccessLog>; 2];

    /// Lets hits pass, or not, as it is said now.
    fn heed(&self, log: &Log);

    /// How long the oldest load under way has taken so far.
    fn oldest_load(&self) -> Millis;

    /// What is known of how its values change.
    fn adaptive(&self) -> AdaptiveStats;

    /// What predictions were worth.
    fn prediction(&self) -> PredictStats;

    /// What is known of what is asked for most.
    fn noted(&self) -> NotedStats;

    /// What compressing was worth.
    fn compression(&self) -> CompressStats;
}

impl Counted {
    pub(crate) fn of<K, V, R>(shelf: &Arc<Shelf<K, V, R>>) -> Self
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        let counters = Arc::clone(&shelf.counters);
        Self { name: shelf.sign.name.clone(), counters, shelf: Arc::clone(shelf) as _ }
    }

    /// May this be one of its keys?
    #[cfg(feature = "_seen")]
    pub(crate) fn fits(&self, key: &str) -> bool {
        let sign = self.shelf.sign();
        key.starts_with(&sign.key_prefix) && sign.spelling.fits(key)
    }

    /// The tags of an entry of this key, as far as they can be told from it.
    #[cfg(feature = "_seen")]
    pub(crate) fn tags(&self, key: &str) -> Vec<String> {
        self.shelf.sign().spelling.tags(key)
    }

    /// Do calls go by it?
    #[cfg(feature = "_seen")]
    pub(crate) fn is_paused(&self) -> bool {
        self.shelf.is_paused()
    }

    /// Is nothing that was stored to be served now?
    #[cfg(feature = "_seen")]
    pub(crate) fn is_shut(&self, log: &Log) -> bool {
        self.shelf.is_shut(log)
    }

    /// The entry of this key in near, and the beginning of its value if that is wanted. Cost: a look at each entry.
    #[cfg(feature = "_seen")]
    pub(crate) fn find(&self, key: &Key, secret: Secret, shown: bool) -> Option<Laid> {
        self.shelf.find(key, secret, shown)
    }

    /// The beginning of what a frame holds.
    #[cfg(feature = "_seen")]
    pub(crate) fn shown(&self, frame: &Frame) -> Result<Preview, Unshown> {
        self.shelf.shown(frame)
    }

    /// Is the key being loaded?
    #[cfg(feature = "_seen")]
    pub(crate) fn flies(&self, key: &Key, secret: Secret) -> bool {
        self.shelf.flies(key, secret)
    }

    /// The key whose parts are written like this.
    #[cfg(feature = "_seen")]
    pub(crate) fn spelled(&self, parts: &str, secret: Secret) -> Option<Key> {
        self.shelf.sign().spelling.key(parts, secret)
    }

    /// The namespace of its keys.
    #[cfg(feature = "_seen")]
    pub(crate) fn namespace(&self) -> &str {
        &self.shelf.sign().namespace
    }

    /// What its attribute asked for.
    #[cfg(feature = "_seen")]
    pub(crate) fn policy(&self) -> &Policy {
        &self.shelf.sign().policy
    }

    /// What was counted.
    #[cfg(feature = "_seen")]
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// From now on it is noted what is asked for, and missed.
    #[cfg(feature = "_seen")]
    pub(crate) fn watch(&self) {
        self.shelf.watch();
    }

    /// What is asked for most, and what is missed most, if that is noted.
    #[cfg(feature = "_seen")]
    pub(crate) fn asked_most(&self) -> [Option<&AccessLog>; 2] {
        self.shelf.asked_most()
    }

    /// Can it read this frame? Not known before it has read or written one.
    #[cfg(feature = "_seen")]
    pub(crate) fn reads(&self, frame: &Frame) -> Option<bool> {
        self.shelf.reads(frame)
    }

    /// The name of its site.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Lets hits pass, or not, as it is said now.
    pub(crate) fn heed(&self, log: &Log) {
        self.shelf.heed(log);
    }

    pub(crate) fn snapshot(&self) -> SiteStats {
        let mut stats = self.counters.snapshot(&self.name);
        let near = self.shelf.near();
        stats.entries = near.entries() as u64;
        stats.bytes = near.weight();
        stats.capacity = near.capacity();
        stats.evictions = near.evicted();
        stats.fronted = near.fronted();
        stats.oldest_load_seconds = self.shelf.oldest_load() as f64 / 1e3;
        stats.adaptive = self.shelf.adaptive();
        stats.prediction = self.shelf.prediction();
        stats.noted = self.shelf.noted();
        stats.compression = self.shelf.compression();
        stats
    }
}

impl<K, V, R> HasNear for Shelf<K, V, R>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    fn near(&self) -> &dyn Balanced {
        &self.near
    }

    fn limit(&self) -> Option<u64> {
        self.dial.capacity()
    }

    fn site(&self) -> &str {
        &self.sign.name
    }
}

impl<K, V, R> Looked for Shelf<K, V, R>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    #[cfg(feature = "_seen")]
    fn sign(&self) -> &Sign {
        &self.sign
    }

    #[cfg(feature = "_seen")]
    fn is_paused(&self) -> bool {
        Self::is_paused(self)
    }

    #[cfg(feature = "_seen")]
    fn is_shut(&self, log: &Log) -> bool {
        Self::is_shut(self, log)
    }

    #[cfg(feature = "_seen")]
    fn find(&self, key: &Key, secret: Secret, shown: bool) -> Option<Laid> {
        let mut found = None;
        self.near.each(|known, entry| {
            if self.is_key(known, key, secret) {
                found = Some(Laid {
                    fresh_until: entry.fresh_until(),
                    stale_until: entry.stale_until(),
                    checked: entry.checked(),
                    tags: entry.tags().map(Arc::from).collect(),
                    weight: entry.weight,
                    asleep: entry.is_asleep(),
                    shown: shown.then(|| self.shown_live(&entry.value)),
                });
            }
            found.is_none()
        });
        found
    }

    #[cfg(feature = "_seen")]
    fn shown(&self, frame: &Frame) -> Result<Preview, Unshown> {
        self.shown_framed(frame)
    }

    #[cfg(feature = "_seen")]
    fn flies(&self, key: &Key, secret: Secret) -> bool {
        self.board.any(|known| self.is_key(&known.0, key, secret))
    }

    #[cfg(feature = "_seen")]
    fn reads(&self, frame: &Frame) -> Option<bool> {
        self.frames.reads(frame)
    }

    #[cfg(feature = "_seen")]
    fn watch(&self) {
        Self::watch(self);
    }

    #[cfg(feature = "_seen")]
    fn asked_most(&self) -> [Option<&AccessLog>; 2] {
        Self::asked_most(self)
    }

    fn heed(&self, log: &Log) {
        self.near.hold(log, || self.is_paused());
    }

    fn adaptive(&self) -> AdaptiveStats {
        self.adaptive.as_ref().map_or_else(AdaptiveStats::default, |adaptive| AdaptiveStats::of(&adaptive.figures()))
    }

    fn prediction(&self) -> PredictStats {
        self.foresight.figures().as_ref().map_or_else(PredictStats::default, PredictStats::of)
    }

    fn noted(&self) -> NotedStats {
        self.accesses.get().map_or_else(NotedStats::default, |log| NotedStats::of(&log.figures()))
    }

    fn compression(&self) -> CompressStats {
        #[cfg(feature = "tiers")]
        return self.frames.stats();
        #[cfg(not(feature = "tiers"))]
        CompressStats::default()
    }

    fn oldest_load(&self) -> Millis {
        self.board.oldest().map_or(0, |began| self.clock.now_assured().saturating_sub(began))
    }
}
