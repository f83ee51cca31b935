//! A scope that collects what becomes untrue, and invalidates it when the scope succeeds.

use std::fmt;
use std::future::Future;

use crate::applied::Applied;
use crate::cache::Cache;
use crate::entry::Entry;
use crate::error::Result;
use crate::group::Group;
use crate::key::{Key, KeyWriter, Pattern, check_namespace};

/// Collects invalidations and fires them on success: not on an error, not on a panic, unless told to.
///
/// ```
/// # use cached_runtime::Cache;
/// # async fn write() -> Result<(), std::io::Error> { Ok(()) }
/// # async fn rename(cache: &Cache) -> Result<(), std::io::Error> {
/// let mut invalidator = cache.invalidator();
/// invalidator.tag("video:intro");
/// write().await?; // an error leaves here: nothing is invalidated
/// invalidator.fire().await;
/// # Ok(())
/// # }
/// ```
pub struct Invalidator {
    cache: Cache,
    groups: Vec<Group>,
    always: bool,
}

impl Invalidator {
    pub(crate) fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), groups: Vec::new(), always: false }
    }

    /// Fires when dropped, whatever happened: also on an error and on a panic.
    pub fn always(&mut self) -> &mut Self {
        self.always = true;
        self
    }

    /// One entry of an annotated function.
    pub fn entry<R: Send + 'static>(&mut self, entry: &Entry<R>) -> &mut Self {
        self.groups.push(entry.group());
        self
    }

    /// One key.
    pub fn key(&mut self, key: &Key) -> &mut Self {
        self.groups.push(Group::Key(key.clone()));
        self
    }

    /// One tag, as it is written on entries: values in it escaped with [`escape`](crate::key::escape).
    pub fn tag(&mut self, tag: &str) -> &mut Self {
        self.groups.push(Group::Tag(tag.into()));
        self
    }

    /// All keys that match a glob; values in it escaped with [`escape`](crate::key::escape).
    ///
    /// # Errors
    /// A `Config` error if the glob is empty, too long, or has more than four stars.
    pub fn pattern(&mut self, glob: &str) -> Result<&mut Self> {
        self.groups.push(Group::Pattern(Pattern::new(glob)?));
        Ok(self)
    }

    /// All keys of a namespace.
    ///
    /// # Errors
    /// A `Config` error if this is no namespace, such as `a:b`, which would name nothing.
    pub fn namespace(&mut self, name: &str) -> Result<&mut Self> {
        check_namespace("namespace", name)?;
        Ok(self.namespace_checked(name))
    }

    /// All keys of a namespace that the attribute has checked.
    #[doc(hidden)]
    pub fn namespace_checked(&mut self, name: &str) -> &mut Self {
        self.groups.push(Group::Namespace(name.into()));
        self
    }

    /// One key, written with escapes.
    pub fn key_with(&mut self, write: impl FnOnce(&mut KeyWriter)) -> &mut Self {
        let key = self.written(write).finish();
        self.key(&key)
    }

    /// One tag, written with escapes.
    pub fn tag_with(&mut self, write: impl FnOnce(&mut KeyWriter)) -> &mut Self {
        let tag = self.written(write).finish_text();
        self.tag(&tag)
    }

    /// A glob, its values written with escapes. One that is too long invalidates its namespace instead.
    pub fn pattern_with(&mut self, write: impl FnOnce(&mut KeyWriter)) -> &mut Self {
        let text = self.written(write);
        let group = match Pattern::new(text.as_str()) {
            Ok(pattern) => Group::Pattern(pattern),
            Err(_) => match text.as_str().split_once(':') {
                Some((namespace, _)) if !namespace.contains(['*', '?']) => Group::Namespace(namespace.into()),
                _ => Group::Everything,
            },
        };
        self.groups.push(group);
        self
    }

    fn written(&self, write: impl FnOnce(&mut KeyWriter)) -> KeyWriter {
        let mut out = KeyWriter::new(self.cache.0.settings.secret);
        write(&mut out);
        out
    }

    /// Invalidates what was collected so far, and starts afresh.
    pub async fn fire(&mut self) -> Applied {
        let groups = std::mem::take(&mut self.groups);
        self.cache.invalidate(groups).await
    }

    /// The same for code that does not await.
    pub fn fire_blocking(&mut self) -> Applied {
        let groups = std::mem::take(&mut self.groups);
        self.cache.invalidate_blocking(groups)
    }

    /// Runs a scope and fires if it returns `Ok`.
    ///
    /// # Errors
    /// The scope's own.
    pub async fn scope<T, E>(mut self, scope: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let value = scope.await?;
        self.fire().await;
        Ok(value)
    }

    /// Fires what was collected, but keeps it for a second firing.
    pub(crate) async fn fire_copy(&self) -> Applied {
        self.cache.invalidate(self.groups.clone()).await
    }

    pub(crate) fn fire_copy_blocking(&self) -> Applied {
        self.cache.invalidate_blocking(self.groups.clone())
    }

    /// A guard for a body that may be dropped halfway: it may have written by then, so that invalidates too.
    #[must_use]
    pub fn on_cancel(self) -> Guard {
        Guard { invalidator: self, armed: true }
    }
}

impl Drop for Invalidator {
    fn drop(&mut self) {
        if self.always && !self.groups.is_empty() {
            self.cache.invalidate_behind(std::mem::take(&mut self.groups));
        } else if !self.groups.is_empty() {
            // On an error or a panic that is what was asked for; else `fire` was forgotten.
            tracing::debug!(groups = self.groups.len(), "an invalidator was dropped without being fired");
        }
    }
}

/// An invalidator around the body of an annotated function.
#[derive(Debug)]
pub struct Guard {
    invalidator: Invalidator,
    armed: bool,
}

impl Guard {
    /// Fires now, before the body.
    pub async fn before(&self) {
        self.invalidator.fire_copy().await;
    }

    /// Fires now, before the body.
    pub fn before_blocking(&self) {
        self.invalidator.fire_copy_blocking();
    }

    /// The body returned: fires if it succeeded.
    pub async fn after(mut self, succeeded: bool) {
        if succeeded {
            // Still armed: if the caller goes away while tiers are told, they are told behind its back.
            self.invalidator.fire_copy().await;
        }
        self.settle();
    }

    /// The body returned: fires if it succeeded.
    pub fn after_blocking(mut self, succeeded: bool) {
        if succeeded {
            self.invalidator.fire_blocking();
        }
        self.settle();
    }

    /// What was to be fired is, and the rest is not to be.
    fn settle(&mut self) {
        self.armed = false;
        self.invalidator.groups.clear();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A panic is the body's failure and fires nothing; a future dropped halfway may have written.
        if self.armed && !std::thread::panicking() {
            self.invalidator.cache.invalidate_behind(std::mem::take(&mut self.invalidator.groups));
        }
    }
}

impl fmt::Debug for Invalidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidator").field("groups", &self.groups.len()).finish_non_exhaustive()
    }
}
