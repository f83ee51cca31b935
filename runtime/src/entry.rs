//! One entry by its arguments: its key, a look at it without a load, its removal.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::applied::Applied;
use crate::cache::Cache;
use crate::depth::Depth;
use crate::group::Group;
use crate::key::{Key, KeyPart};
use crate::load::Miss;
use crate::outcome::Shape;

/// A handle to one entry of an annotated function, made from the function's own arguments.
///
/// ```text
/// frames::entry("intro").remove().await;
/// ```
pub struct Entry<R> {
    cache: Cache,
    key: Key,
    site: Box<dyn Typed<R>>,
}

/// The entry in its site's own types.
trait Typed<R>: Send + Sync {
    fn peek(&self) -> Pin<Box<dyn Future<Output = Option<R>> + Send + '_>>;
    fn peek_near(&self) -> Option<R>;
    fn ground(&self);
}

impl<K, S, R, D, V> Typed<R> for Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    S::Stored: 'static,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    fn peek(&self) -> Pin<Box<dyn Future<Output = Option<R>> + Send + '_>> {
        Box::pin(Miss::peek(self))
    }

    fn peek_near(&self) -> Option<R> {
        Miss::peek_near(self)
    }

    fn ground(&self) {
        Miss::ground(self);
    }
}

impl<R> Entry<R> {
    pub(crate) fn of<K, S, D, V>(miss: Miss<K, S, R, D, V>) -> Self
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        S: Shape<R, Kept = V>,
        S::Stored: 'static,
        R: Send + 'static,
        D: Depth<S::Stored>,
        V: Clone + Send + Sync + 'static,
    {
        Self { cache: miss.cache.clone(), key: miss.named.key.clone(), site: Box::new(miss) }
    }

    /// Its key, as tiers and the log know it.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What the function would answer without running its body; looks in near and in the tiers. Nothing while the site,
    /// or the cache, is paused: calls go by it then.
    pub async fn peek(&self) -> Option<R> {
        self.site.peek().await
    }

    /// What near would answer; nothing while the site, or the cache, is paused.
    #[must_use]
    pub fn peek_near(&self) -> Option<R> {
        self.site.peek_near()
    }

    /// Removes the entry everywhere. A load in the air still answers those who wait for it, and is not stored.
    pub async fn remove(&self) -> Applied {
        let groups = vec![self.group()];
        if self.cache.permit(&groups).is_err() {
            return Applied::Denied;
        }
        self.site.ground();
        self.cache.tell(groups).await
    }

    /// The same for code that does not await.
    pub fn remove_blocking(&self) -> Applied {
        let groups = vec![self.group()];
        if self.cache.permit(&groups).is_err() {
            return Applied::Denied;
        }
        self.site.ground();
        self.cache.invalidate_blocking(groups)
    }

    /// What an invalidation of this entry names. Nothing is touched yet: it may never be fired.
    pub(crate) fn group(&self) -> Group {
        Group::Key(self.key.clone())
    }
}

impl<R> fmt::Debug for Entry<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}
