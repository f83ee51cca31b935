//! The handle: one stack of tiers, one log, one budget, and the shelves of all sites that it serves.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::access::Right;
use crate::applied::{Applied, Flushed};
use crate::builder::Builder;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::error::Result;
use crate::group::Group;
use crate::invalidator::Invalidator;
use crate::key::{Key, KeyPart, Pattern, check_namespace};
use crate::log::Log;
use crate::namespace::Namespace;
use crate::near::Balance;
use crate::restricted::{Denials, Restriction};
#[cfg(feature = "_seen")]
use crate::seen::Chronicle;
use crate::settings::Settings;
use crate::shelf::{Counted, Shelf, Sign};
use crate::site::Site;
use crate::slots::Slots;
use crate::stack::Stack;
use crate::telling::Telling;

/// A cache: what annotated functions ask before they run, and what invalidations are told to.
///
/// A handle, cheap to clone; all clones are the same cache. Without any set-up, annotated functions use a cache of
/// their own making that holds near only. [`Cache::builder`] makes one with tiers; [`Builder::install`] puts it behind
/// every site that names no other with `cache = ..`.
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Core>);

pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) log: Arc<Log>,
    pub(crate) stack: Stack,
    pub(crate) balance: Arc<Balance>,
    pub(crate) chance: Arc<Chance>,
    /// Of the sites that this handle may read.
    shelves: Slots<Chain>,
    pub(crate) namespaces: Arc<Mutex<Namespaces>>,
    pub(crate) counted: Arc<Mutex<Vec<Counted>>>,
    pub(crate) invalidations: Arc<AtomicU64>,
    pub(crate) denials: Arc<Denials>,
    /// What happened when.
    #[cfg(feature = "_seen")]
    pub(crate) chronicle: Arc<Chronicle>,
    /// What this handle may do less than others; nothing for the cache as it was built.
    pub(crate) restriction: Option<Restriction>,
}

/// The shelves of the imperative door, by namespace.
type Namespaces = HashMap<String, Vec<Arc<dyn Any + Send + Sync>>>;

/// The shelves of one site: one, or one per instance of a generic function.
struct Chain {
    shelf: Arc<dyn Any + Send + Sync>,
    next: OnceLock<Box<Chain>>,
}

/// A shelf as it stands in the table, and in its own types.
pub(crate) type Found<'a, K, V, R> = (&'a Arc<dyn Any + Send + Sync>, &'a Shelf<K, V, R>);

/// Every cache that was ever installed, the last one in force; cell 0 is the one that makes itself.
static INSTALLED: Slots<Cache> = Slots::new();
static CURRENT: AtomicUsize = AtomicUsize::new(0);

impl Cache {
    /// Is this a handle to the same?
    #[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The cache that this is a handle to, with all its rights.
    #[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
    pub(crate) fn whole(&self) -> &Self {
        self.0.restriction.as_ref().map_or(self, |restriction| restriction.whole.whole())
    }

    /// A cache to be configured.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn with(settings: Settings, log: Arc<Log>, stack: Stack, balance: Balance) -> Self {
        let chance = settings.seed.map_or_else(Chance::unknown, Chance::new);
        Self(Arc::new(Core {
            settings,
            log,
            stack,
            balance: Arc::new(balance),
            chance: Arc::new(chance),
            shelves: Slots::new(),
            namespaces: Arc::default(),
            counted: Arc::default(),
            invalidations: Arc::default(),
            denials: Arc::default(),
            #[cfg(feature = "_seen")]
            chronicle: Arc::default(),
            restriction: None,
        }))
    }

    /// Another handle to the same, with a table of shelves of its own.
    pub(crate) fn under(&self, restriction: Restriction) -> Self {
        let core = &*self.0;
        Self(Arc::new(Core {
            settings: core.settings.clone(),
            log: Arc::clone(&core.log),
            stack: Stack::clone(&core.stack),
            balance: Arc::clone(&core.balance),
            chance: Arc::clone(&core.chance),
            shelves: Slots::new(),
            namespaces: Arc::clone(&core.namespaces),
            counted: Arc::clone(&core.counted),
            invalidations: Arc::clone(&core.invalidations),
            denials: Arc::clone(&core.denials),
            #[cfg(feature = "_seen")]
            chronicle: Arc::clone(&core.chronicle),
            restriction: Some(restriction),
        }))
    }

    /// Puts this cache behind every site that names no other.
    ///
    /// May be called again with another cache, as tests do: calls that begin later use the new one. An installed cache
    /// stays in memory until the process ends.
    pub fn install(&self) {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let index = NEXT.fetch_add(1, Ordering::SeqCst);
        if INSTALLED.get_or_init(index, || self.clone()).is_some() {
            CURRENT.store(index, Ordering::SeqCst);
        }
        self.log_advice();
    }

    /// The cache behind every site that names no other.
    #[inline]
    #[must_use]
    pub fn installed() -> &'static Self {
        match INSTALLED.get(Self::generation()) {
            Some(cache) => cache,
            None => Self::make_default(),
        }
    }

    /// Which of the installed caches is in force; 0 stands for the one that makes itself.
    #[inline]
    pub(crate) fn generation() -> usize {
        CURRENT.load(Ordering::Acquire)
    }

    #[cold]
    fn make_default() -> &'static Self {
        static NEAR_ONLY: OnceLock<Cache> = OnceLock::new();
        let near_only = NEAR_ONLY.get_or_init(|| {
            let settings = Settings::default();
            let log = Log::resume(&crate::group::Recall::default(), Chance::unknown().next(), settings.groups, false);
            Self::with(
                settings,
                Arc::new(log),
                Stack::default(),
                Balance::new(crate::builder::NEAR_BYTES, HashMap::new()),
            )
        });
        INSTALLED.get_or_init(0, || near_only.clone()).unwrap_or(near_only)
    }

    /// The shelf of a site, made at the first call; `None` if there are more sites than the table holds.
    pub(crate) fn shelf<K, V, R>(&self, site: &'static Site) -> Option<Found<'_, K, V, R>>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        self.shelf_in_place(site).or_else(|| self.find_shelf::<K, V, R>(site))
    }

    /// The shelf of a site, if it is made, and the first of its site as all but instances of generic functions are.
    #[inline]
    pub(crate) fn shelf_in_place<K, V, R>(&self, site: &'static Site) -> Option<Found<'_, K, V, R>>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        let chain = self.0.shelves.get(site.index())?;
        Some((&chain.shelf, chain.shelf.downcast_ref()?))
    }

    #[cold]
    fn find_shelf<K, V, R>(&self, site: &'static Site) -> Option<Found<'_, K, V, R>>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        let lent = match &self.0.restriction {
            // What may not be read is not in this handle's table, and its calls go uncached.
            Some(_) if !self.may(Right::Read, site.namespace()) => return None,
            Some(restriction) => Some(restriction.whole.shelf::<K, V, R>(site)?.0),
            None => None,
        };
        let make = || -> Arc<dyn Any + Send + Sync> { self.make_shelf::<K, V, R>(Sign::of(site)) };
        let link = || Chain { shelf: lent.map_or_else(make, Arc::clone), next: OnceLock::new() };
        let mut chain = self.0.shelves.get_or_init(site.index(), link)?;
        self.lay_shortcut(site);
        loop {
            if let Some(shelf) = chain.shelf.downcast_ref() {
                return Some((&chain.shelf, shelf));
            }
            chain = chain.next.get_or_init(|| Box::new(link()));
        }
    }

    /// Lets the site remember its first shelf in this cache, if this is the installed one.
    fn lay_shortcut(&self, site: &Site) {
        let generation = Self::generation();
        if let Some(installed) = INSTALLED.get(generation)
            && Arc::ptr_eq(&installed.0, &self.0)
            && let Some(first) = installed.0.shelves.get(site.index())
        {
            site.remember(generation, &*first.shelf);
        }
    }

    /// Makes a shelf and counts it in.
    pub(crate) fn make_shelf<K, V, R>(&self, sign: Sign) -> Arc<Shelf<K, V, R>>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        let core = &*self.0;
        let most = core.balance.most(&sign.namespace);
        let shelf = Arc::new(Shelf::<K, V, R>::new(sign, &core.settings, &core.log, most));
        core.balance.add(Arc::clone(&shelf) as _);
        let counted = Counted::of(&shelf);
        core.counted.lock().push(counted.clone());
        // Whoever changed his mind before it could be found here has not told it.
        counted.heed(&core.log);
        #[cfg(feature = "_seen")]
        if core.settings.dials.watches() {
            counted.watch();
        }
        shelf
    }

    /// The clock of this cache.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.settings.clock
    }

    /// The imperative door: values of type `T` under names of your own, in this namespace.
    ///
    /// # Errors
    /// A `Config` error if the namespace is empty or holds anything but letters, digits and `-_.@/+$&!`.
    pub fn namespace<T>(&self, name: &str) -> Result<Namespace<T>>
    where
        T: crate::depth::Storable + Clone + Send + Sync,
    {
        Namespace::open(self, name)
    }

    /// Collects invalidations, to be fired together.
    #[must_use]
    pub fn invalidator(&self) -> Invalidator {
        Invalidator::new(self)
    }

    /// Invalidates one key.
    pub async fn invalidate_key(&self, key: &Key) -> Applied {
        self.invalidate(vec![Group::Key(key.clone())]).await
    }

    /// Invalidates all entries with any of these tags.
    ///
    /// Tags are compared as they are written on entries, and `#[cache]` and `#[invalidate]` escape the values in them:
    /// `tags = ["user:{id}"]` is, here, `format!("user:{}", escape(id))`; see [`escape`](crate::key::escape).
    pub async fn invalidate_tags(&self, tags: impl IntoIterator<Item = impl AsRef<str>>) -> Applied {
        self.invalidate(tags.into_iter().map(|tag| Group::Tag(tag.as_ref().into())).collect()).await
    }

    /// Invalidates all keys that match a glob, such as `video:intro:*`.
    ///
    /// # Errors
    /// A `Config` error if the glob is empty, too long, or has more than four stars; `Denied` if this handle may not.
    pub async fn invalidate_pattern(&self, glob: &str) -> Result<Applied> {
        self.try_invalidate(vec![Group::Pattern(Pattern::new(glob)?)]).await
    }

    /// Invalidates all keys of a namespace.
    ///
    /// # Errors
    /// A `Config` error if this is no namespace, such as `a:b`, which would name nothing; `Denied` if this handle may not.
    pub async fn invalidate_namespace(&self, name: &str) -> Result<Applied> {
        check_namespace("namespace", name)?;
        self.try_invalidate(vec![Group::Namespace(name.into())]).await
    }

    /// Invalidates everything and gives near's memory back.
    pub async fn clear(&self) -> Applied {
        self.clear_all().await.unwrap_or(Applied::Denied)
    }

    /// The same, and why it may not be.
    pub(crate) async fn clear_all(&self) -> Result<Applied> {
        let applied = self.try_invalidate(vec![Group::Everything]).await?;
        self.0.balance.each(|shelf| shelf.clear());
        Ok(applied)
    }

    /// Invalidates these groups: here at once, in every tier before it returns.
    ///
    /// `Applied` when every tier has taken it; `Queued` when one could not: then it is journalled, that tier is not read
    /// until it has, and nothing old is served meanwhile. Once begun it goes on even if the caller goes away.
    /// Outside a tokio runtime it blocks its thread instead, as [`Cache::invalidate_blocking`] does. `Denied` when this
    /// handle may not; [`Cache::try_invalidate`] says why.
    pub async fn invalidate(&self, groups: Vec<Group>) -> Applied {
        self.try_invalidate(groups).await.unwrap_or(Applied::Denied)
    }

    /// Invalidates what may be.
    pub(crate) async fn tell(&self, groups: Vec<Group>) -> Applied {
        let records = self.note(groups);
        if records.is_empty() || self.0.stack.is_empty() {
            return Applied::Applied;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime.spawn(Telling::of(self.clone(), records).run()).await.unwrap_or(Applied::Queued),
            // The tiers' deadlines are timers of a runtime.
            Err(_) => self.tell_tiers_blocking(&records),
        }
    }

    fn tell_tiers_blocking(&self, records: &[crate::group::Record]) -> Applied {
        let applied = self.0.stack.apply_blocking(records);
        self.0.log.apply(records);
        applied
    }

    /// Invalidates here at once and tells the tiers behind: for destructors, which cannot wait.
    pub(crate) fn invalidate_behind(&self, groups: Vec<Group>) {
        if self.permit(&groups).is_err() {
            return;
        }
        let records = self.note(groups);
        self.tell_tiers_behind(records);
    }

    /// Tells the tiers of what was noted, without waiting for them where there is a runtime.
    pub(crate) fn tell_tiers_behind(&self, records: Vec<crate::group::Record>) {
        if records.is_empty() || self.0.stack.is_empty() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Telling::of(self.clone(), records).run())),
            Err(_) => drop(self.tell_tiers_blocking(&records)),
        }
    }

    /// The same for code that does not await; waits for the tiers at most 200 ms each, or as
    /// `Builder::apply_deadline` says.
    pub fn invalidate_blocking(&self, groups: Vec<Group>) -> Applied {
        if self.permit(&groups).is_err() {
            return Applied::Denied;
        }
        let records = self.note(groups);
        if records.is_empty() || self.0.stack.is_empty() {
            return Applied::Applied;
        }
        self.tell_tiers_blocking(&records)
    }

    /// Notes an invalidation here: from now on nothing older is valid, also what a tier still has.
    pub(crate) fn note(&self, groups: Vec<Group>) -> Vec<crate::group::Record> {
        self.0.invalidations.fetch_add(groups.len() as u64, Ordering::Relaxed);
        tracing::debug!(groups = groups.len(), "invalidated");
        self.0.log.append(groups)
    }

    /// Removes from near what has expired. Near also does so by itself: entry by entry when asked for one, when space
    /// runs out, and function by function with every 64th store, each at most once a minute. Cost: a look at every entry.
    pub fn expire_near(&self) {
        let now = self.clock().now();
        self.0.balance.each(|shelf| shelf.expire(now));
    }

    /// Waits until everything stored so far is written to the tiers, at most this long, and reports what was not.
    pub async fn flush(&self, deadline: Duration) -> Flushed {
        self.0.stack.flush(deadline).await
    }

    /// Writes what is waiting, stops the tiers, and reports what could not be written.
    ///
    /// Afterwards the cache goes on with near alone.
    pub async fn shutdown(&self, deadline: Duration) -> Flushed {
        self.0.stack.shutdown(deadline).await
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("near_capacity", &self.near_capacity())
            .field("stack", &self.0.stack)
            .finish_non_exhaustive()
    }
}
