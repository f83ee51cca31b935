//! The imperative door: values under names of your own, for what is not a function.

#[cfg(any(feature = "answers", feature = "embed", feature = "response"))]
mod beside;
#[cfg(feature = "embed")]
mod each;
mod lives;
mod many;
mod name;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::access::Right;
use crate::applied::Applied;
use crate::cache::Cache;
use crate::call::{Carried, Options};
use crate::clock;
use crate::depth::{Framed, Storable};
use crate::error::Result;
use crate::group::Group;
use crate::join::join;
use crate::key::{Key, KeyWriter, Pattern, check_namespace};
use crate::load::Miss;
use crate::log::Birth;
use crate::names::Named;
use crate::outcome::{OnlyOk, Sort};
use crate::policy::Policy;
use crate::shelf::{Life, Shelf, Sign};

pub use name::Name;

#[cfg(feature = "embed")]
pub(crate) use self::many::Tags;

/// How many names are warmed at a time.
const WARM_LANES: usize = 8;

/// Values of one type under names of your own: `namespace:name`.
///
/// The same tiers, flights and promises as behind annotated functions. A name is text, whose colons separate segments
/// and whose other special characters are escaped, or a tuple of [`KeyPart`](crate::KeyPart)s,
/// one segment each; use a tuple where a
/// segment is a value from outside, so that a colon in it stays in its segment.
///
/// ```
/// # use cached_runtime::{Cache, Result};
/// # async fn example(cache: &Cache, video_id: &str) -> Result<()> {
/// let frames = cache.namespace::<Vec<u32>>("video")?;
/// frames.set((video_id, "frames"), vec![1, 2, 3]);
/// assert_eq!(frames.get((video_id, "frames")).await, Some(vec![1, 2, 3]));
/// frames.invalidate_pattern("intro:*").await?;
/// # Ok(())
/// # }
/// ```
pub struct Namespace<T> {
    cache: Cache,
    shelf: Arc<OfNames<T>>,
    options: Options<T, Outcome<T>>,
    types: PhantomData<fn() -> T>,
}

type OfNames<T> = Shelf<Box<str>, T, Outcome<T>>;
type Outcome<T> = std::result::Result<T, Failure>;
type Want<T> = Miss<Box<str>, OnlyOk, Outcome<T>, Framed, T>;

/// A loader's error, of whatever type, shared by all who waited.
#[derive(Clone)]
struct Failure(Arc<dyn Any + Send + Sync>);

/// What may be said about one value that is set.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SetOptions {
    /// How long it is fresh; more than a century is taken for one. Default: by key pattern, else the cache's ttl.
    pub ttl: Option<Duration>,
    /// How long after that it may be served if a load fails. Default: not at all.
    pub stale: Duration,
    /// Its tags.
    pub tags: Vec<String>,
}

impl SetOptions {
    /// Nothing said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this life.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Usable this much longer if a load fails.
    #[must_use]
    pub fn stale(mut self, stale: Duration) -> Self {
        self.stale = stale;
        self
    }

    /// With one more tag. `#[invalidate]` escapes the values in its tags: escape them here, too, with
    /// [`escape`](crate::key::escape).
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// What warming did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warmed {
    /// Values that were loaded.
    pub loaded: usize,
    /// Values that were there.
    pub present: usize,
    /// Loads that failed.
    pub failed: usize,
    /// Values that were not loaded, because they would not have been kept: the namespace is paused, or the handle may not
    /// store.
    pub left: usize,
}

impl<T: Storable + Clone + Send + Sync> Namespace<T> {
    pub(crate) fn open(cache: &Cache, name: &str) -> Result<Self> {
        Self::open_with(cache, name, Policy::DEFAULT, Options::new().carrying(Carried::Given))
    }

    fn open_with(cache: &Cache, name: &str, policy: Policy, options: Options<T, Outcome<T>>) -> Result<Self> {
        Self::open_as(cache, name, name, policy, options)
    }

    /// Under a name of its own in statistics, where values of several types are in one namespace.
    fn open_as(cache: &Cache, name: &str, site: &str, policy: Policy, options: Options<T, Outcome<T>>) -> Result<Self> {
        check_namespace("namespace", name)?;
        let mut known = cache.0.namespaces.lock();
        let shelves = known.entry(name.to_owned()).or_default();
        let found = shelves.iter().find_map(|shelf| Arc::clone(shelf).downcast::<OfNames<T>>().ok());
        let shelf = found.unwrap_or_else(|| {
            let shelf: Arc<OfNames<T>> = cache.make_shelf(Sign {
                name: site.to_owned(),
                namespace: name.to_owned(),
                key_prefix: format!("{name}:"),
                tag_prefixes: vec![String::new()],
                policy,
                #[cfg(feature = "_seen")]
                spelling: crate::spelling::Spelling::Whole,
                watched: None,
            });
            shelves.push(Arc::clone(&shelf) as _);
            shelf
        });
        Ok(Self { cache: cache.clone(), shelf, options, types: PhantomData })
    }

    /// The value of this name, from near or a tier. Never an error: a tier that fails is a miss.
    pub async fn get(&self, name: impl Name) -> Option<T> {
        if !self.may(Right::Read) {
            return None;
        }
        self.find(&self.want(&name, Vec::new())).await
    }

    /// The value of this name as a tier has it, where other nodes set it too; if none has, as near has it.
    #[cfg(feature = "tiers")]
    pub(crate) async fn get_below(&self, name: impl Name) -> std::result::Result<Option<T>, crate::load::Unknown> {
        if self.shelf.is_paused() {
            // There may be one: it is not asked for.
            return Err(crate::load::Unknown);
        }
        if !self.may(Right::Read) {
            return Ok(None);
        }
        let want = self.want(&name, Vec::new());
        let below = want.peek_below().await?;
        Ok(below.map_or_else(|| self.near(&want), std::result::Result::ok))
    }

    /// Stores a value. Near has it when this returns; tiers are written behind.
    pub fn set(&self, name: impl Name, value: T) {
        self.set_with(name, value, SetOptions::new());
    }

    /// Stores a value with a life or tags of its own.
    pub fn set_with(&self, name: impl Name, value: T, options: SetOptions) {
        self.set_born(name, value, options, self.cache.0.log.birth());
    }

    /// The same for a value that is as old as this.
    pub(crate) fn set_born(&self, name: impl Name, value: T, options: SetOptions, birth: Birth) {
        if self.shelf.is_paused() {
            return self.outdate(&name);
        }
        self.keep_born(name, value, options, birth);
    }

    /// The same for what was loaded: where calls go by the cache, nothing has become another by it. Is it kept?
    pub(crate) fn keep_born(&self, name: impl Name, value: T, options: SetOptions, birth: Birth) -> bool {
        if !self.may(Right::Write) {
            return false;
        }
        let mut want = self.want(&name, options.tags);
        want.force = true;
        let born = self.cache.clock().now();
        let life = match options.ttl {
            Some(ttl) => Life { born, fresh_until: born.saturating_add(clock::life(ttl)), stale_until: 0 },
            None => want.life(&self.shelf, &value, Sort::Value),
        };
        let life = Life { stale_until: life.fresh_until.saturating_add(clock::life(options.stale)), ..life };
        want.store(&self.shelf, value, birth, life);
        true
    }

    /// A value is set while calls go by the cache: what is stored must not come back when they do not any more.
    fn outdate(&self, name: &impl Name) {
        if self.cache.may(Right::Write, &self.shelf.sign.namespace) {
            let want = self.want(name, Vec::new());
            want.ground();
            self.cache.tell_tiers_behind(self.cache.note(vec![Group::Key(want.named.key)]));
        }
    }

    /// Stores several values.
    pub fn set_many<N: Name>(&self, values: impl IntoIterator<Item = (N, T)>) {
        values.into_iter().for_each(|(name, value)| self.set(name, value));
    }

    /// The value of this name, loaded if it is nowhere: once, however many ask.
    ///
    /// The load outlives a caller who goes away, so its future borrows nothing: move clones into it.
    ///
    /// # Errors
    /// The loader's own, shared by all who waited for it.
    pub async fn get_or_load<F, E>(&self, name: impl Name, load: impl FnOnce() -> F) -> std::result::Result<T, Arc<E>>
    where
        F: Future<Output = std::result::Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        self.get_or_load_with(name, Vec::new(), load).await
    }

    /// The same for a value with tags.
    ///
    /// # Errors
    /// The loader's own, shared by all who waited for it.
    pub async fn get_or_load_with<F, E>(
        &self,
        name: impl Name,
        tags: Vec<String>,
        load: impl FnOnce() -> F,
    ) -> std::result::Result<T, Arc<E>>
    where
        F: Future<Output = std::result::Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let mut want = self.want(&name, tags);
        if !self.may(Right::Read) {
            want.shelf = None;
        }
        if let Some(value) = self.near(&want) {
            return Ok(value);
        }
        self.shelf.count_miss(&want.key);
        want.note_miss();
        want.fallback = want.stale_near();
        let load = Mutex::new(Some(load));
        let start = || {
            let future = load.lock().take().map(|load| load());
            async move {
                match future {
                    Some(future) => future.await.map_err(|error| Failure(Arc::new(error))),
                    None => std::future::pending().await,
                }
            }
        };
        let failure = match want.load(start).await {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        match failure.0.downcast::<E>() {
            Ok(error) => Err(error),
            // Another caller's load failed with an error of another type: this one loads for itself.
            Err(_) => match load.into_inner() {
                Some(load) => load().await.map_err(Arc::new),
                None => std::future::pending().await,
            },
        }
    }

    /// Loads what is missing of these names, eight at a time. A load that fails is counted and stops nothing. While nothing
    /// would be kept, nothing is loaded.
    pub async fn warm<N, F, E>(&self, names: impl IntoIterator<Item = N>, load: impl Fn(&N) -> F) -> Warmed
    where
        N: Name,
        F: Future<Output = std::result::Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let names: Vec<N> = names.into_iter().collect();
        let mut warmed = Warmed::default();
        for lanes in names.chunks(WARM_LANES) {
            if !self.may(Right::Write) {
                warmed.left += lanes.len();
                continue;
            }
            let loads = lanes.iter().map(|name| self.warm_one(name, &load)).collect();
            for one in join(loads).await {
                warmed.loaded += one.loaded;
                warmed.present += one.present;
                warmed.failed += one.failed;
            }
        }
        warmed
    }

    async fn warm_one<N, F, E>(&self, name: &N, load: &impl Fn(&N) -> F) -> Warmed
    where
        N: Name,
        F: Future<Output = std::result::Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let asked = AtomicBool::new(false);
        let load = || {
            asked.store(true, Relaxed);
            load(name)
        };
        match self.get_or_load(name, load).await {
            Ok(_) if asked.load(Relaxed) => Warmed { loaded: 1, ..Warmed::default() },
            Ok(_) => Warmed { present: 1, ..Warmed::default() },
            Err(_) => Warmed { failed: 1, ..Warmed::default() },
        }
    }

    /// Removes one name everywhere.
    pub async fn remove(&self, name: impl Name) -> Applied {
        let want = self.want(&name, Vec::new());
        let groups = vec![Group::Key(want.named.key.clone())];
        if self.cache.permit(&groups).is_err() {
            return Applied::Denied;
        }
        want.ground();
        self.cache.tell(groups).await
    }

    /// Invalidates all names of this namespace that match a glob, such as `intro:*`.
    ///
    /// # Errors
    /// A `Config` error if the glob is empty, too long, or has more than four stars; `Denied` if the handle may not.
    pub async fn invalidate_pattern(&self, glob: &str) -> Result<Applied> {
        let pattern = Pattern::new(&format!("{}:{glob}", self.shelf.sign.namespace))?;
        self.cache.try_invalidate(vec![Group::Pattern(pattern)]).await
    }

    /// Invalidates all entries with any of these tags, in this namespace and in others; values in tags as
    /// [`Cache::invalidate_tags`] takes them.
    pub async fn invalidate_tags(&self, tags: impl IntoIterator<Item = impl AsRef<str>>) -> Applied {
        self.cache.invalidate_tags(tags).await
    }

    /// Invalidates the whole namespace.
    pub async fn clear(&self) -> Applied {
        self.cache.invalidate(vec![Group::Namespace(self.shelf.sign.namespace.as_str().into())]).await
    }

    /// The key of a name, as tiers and the log know it.
    #[must_use]
    pub fn key(&self, name: impl Name) -> Key {
        self.key_of(&name)
    }

    /// May the handle that this was opened with do that here? Nobody may while calls go by the cache.
    fn may(&self, right: Right) -> bool {
        !self.shelf.is_paused() && self.cache.may(right, &self.shelf.sign.namespace)
    }

    fn key_of(&self, name: &impl Name) -> Key {
        let mut out = KeyWriter::new(self.cache.0.settings.secret);
        out.literal(&self.shelf.sign.key_prefix);
        name.write_name(&mut out);
        out.finish()
    }

    fn want(&self, name: &impl Name, tags: Vec<String>) -> Want<T> {
        let key = self.key_of(name);
        Miss {
            cache: self.cache.clone(),
            shelf: Some(Arc::clone(&self.shelf)),
            key: key.as_str().into(),
            named: Named { key, tags: tags.into_iter().map(Arc::from).collect() },
            ready: None,
            fallback: None,
            force: false,
            ahead: None,
            #[cfg(feature = "_seen")]
            audit: None,
            shape: OnlyOk,
            share: Some(Outcome::<T>::clone),
            depth: Framed,
            options: self.options,
        }
    }

    fn near(&self, want: &Want<T>) -> Option<T> {
        let value = want.peek_near()?.ok()?;
        self.shelf.count_hit(&want.key);
        Some(value)
    }

    async fn find(&self, want: &Want<T>) -> Option<T> {
        if let Some(value) = self.near(want) {
            return Some(value);
        }
        self.shelf.count_miss(&want.key);
        want.note_miss();
        want.peek().await?.ok()
    }
}

impl<T> Clone for Namespace<T> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), shelf: Arc::clone(&self.shelf), options: self.options, types: PhantomData }
    }
}

impl<T> fmt::Debug for Namespace<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.shelf.sign.namespace).finish_non_exhaustive()
    }
}
