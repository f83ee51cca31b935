//! Namespaces whose values say themselves how long they live, and what else names them.

use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "answers", feature = "response"))]
use super::Name;
use super::{Failure, Namespace, Outcome};
#[cfg(any(feature = "answers", feature = "response"))]
use crate::access::Right;
use crate::cache::Cache;
use crate::call::{Carried, Options};
use crate::clock::Millis;
use crate::depth::Storable;
use crate::error::{Error, Result};
#[cfg(any(feature = "answers", feature = "response"))]
use crate::log::Birth;
use crate::policy::Policy;

/// What values say of themselves: how long they live, which tags they have, what they weigh.
#[cfg(feature = "response")]
pub(crate) type Traits<T> = (fn(&T) -> Duration, fn(&T) -> Vec<Arc<str>>, fn(&T) -> usize);

impl<T: Storable + Clone + Send + Sync> Namespace<T> {
    /// Names of which one node loads for all that share a log, each value for as long as it says itself. Others wait for
    /// it so long. The loader's error is an [`Error`].
    pub(crate) fn in_turn(cache: &Cache, name: &str, patience: Millis, life: fn(&T) -> Duration) -> Result<Self> {
        let policy = Policy { cluster: true, timeout: Some(patience), jitter: 0.0, ..Policy::DEFAULT };
        let refuse: fn(Error) -> Outcome<T> = |error| Err(Failure(Arc::new(error)));
        let options = Options::new().ttl_with(life).refuse(refuse).carrying(Carried::Given);
        Self::open_with(cache, name, policy, options)
    }

    /// Values that say how long they live: for no time is not at all. In statistics they are this `site`.
    #[cfg(feature = "answers")]
    pub(crate) fn living(cache: &Cache, name: &str, site: &str, life: fn(&T) -> Duration) -> Result<Self> {
        Self::told(cache, name, site, Options::new().ttl_with(life).carrying(Carried::Given))
    }

    /// The same for values that know tags beside those that their load is given.
    #[cfg(feature = "answers")]
    pub(crate) fn living_tagged(
        cache: &Cache,
        name: &str,
        site: &str,
        life: fn(&T) -> Duration,
        tags: fn(&T) -> Vec<Arc<str>>,
    ) -> Result<Self> {
        Self::told(cache, name, site, Options::new().ttl_with(life).carrying(Carried::OfValue(tags)))
    }

    /// The same, and how much they weigh.
    #[cfg(feature = "response")]
    pub(crate) fn living_weighed(cache: &Cache, name: &str, (life, tags, weigh): Traits<T>) -> Result<Self> {
        Self::told(cache, name, name, Options::new().ttl_with(life).weigh(weigh).carrying(Carried::OfValue(tags)))
    }

    /// Has nothing been invalidated since this birth that might name one of these entries?
    #[cfg(feature = "response")]
    pub(crate) fn is_unmoved(&self, birth: &Birth) -> bool {
        !self.shelf.is_shut(&self.cache.0.log) && birth.seq >= self.shelf.near.head()
    }

    /// Do calls go by the cache?
    #[cfg(feature = "response")]
    pub(crate) fn is_paused(&self) -> bool {
        self.shelf.is_paused()
    }

    /// The value of this name, if near has it. It is not counted: who looked already looks again.
    #[cfg(feature = "response")]
    pub(crate) fn look_again(&self, name: impl Name) -> Option<T> {
        if self.may(Right::Read) { self.want(&name, Vec::new()).peek_near()?.ok() } else { None }
    }

    /// Takes a value out of near. Nobody is told: tiers keep it until its time is over.
    #[cfg(feature = "response")]
    pub(crate) fn drop_near(&self, name: impl Name) {
        self.want(&name, Vec::new()).ground();
    }

    #[cfg(any(feature = "answers", feature = "response"))]
    fn told(cache: &Cache, name: &str, site: &str, options: Options<T, Outcome<T>>) -> Result<Self> {
        Self::open_as(cache, name, site, Policy { jitter: 0.0, ..Policy::DEFAULT }, options)
    }

    /// May the handle that this was opened with have what others have?
    #[cfg(feature = "answers")]
    pub(crate) fn may_read(&self) -> bool {
        self.may(Right::Read)
    }

    /// May it store what it loads?
    #[cfg(feature = "answers")]
    pub(crate) fn may_store(&self) -> bool {
        self.may(Right::Write)
    }

    /// May who asks now have what began with this birth, and has these tags?
    #[cfg(any(feature = "answers", feature = "response"))]
    pub(crate) fn is_current(&self, name: impl Name, tags: &[String], birth: &Birth) -> bool {
        let log = &self.cache.0.log;
        let tags = tags.iter().map(String::as_str);
        !self.shelf.is_shut(log) && log.unnamed_since(&self.key_of(&name), tags, birth.seq).is_some()
    }
}
