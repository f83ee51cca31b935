//! What belongs to a namespace of a cache beside its values: how old new ones will be, and what its handles share.

#[cfg(any(feature = "answers", feature = "embed", feature = "response"))]
use std::any::Any;
#[cfg(any(feature = "answers", feature = "embed", feature = "response"))]
use std::sync::Arc;

use super::Namespace;
#[cfg(any(feature = "embed", feature = "response"))]
use crate::log::Birth;

impl<T> Namespace<T> {
    /// How old what is asked for now will be.
    #[cfg(any(feature = "embed", feature = "response"))]
    pub(crate) fn birth(&self) -> Birth {
        self.cache.0.log.birth()
    }

    /// What of this type all handles of this namespace have in common. The first who asks for it makes it; it stays as
    /// long as the cache.
    #[cfg(any(feature = "answers", feature = "embed", feature = "response"))]
    pub(crate) fn beside<B: Any + Send + Sync>(&self, make: impl FnOnce() -> B) -> Arc<B> {
        let mut known = self.cache.0.namespaces.lock();
        let beside = known.entry(self.shelf.sign.namespace.clone()).or_default();
        if let Some(found) = beside.iter().find_map(|any| Arc::clone(any).downcast::<B>().ok()) {
            return found;
        }
        let made = Arc::new(make());
        beside.push(Arc::clone(&made) as _);
        made
    }
}
