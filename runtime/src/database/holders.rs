//! Which caches hold what was read from a database.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::cache::{self, Cache};

/// The caches that hold what was read from the database of a name, through whichever handle.
#[derive(Debug, Default)]
pub(super) struct Holders {
    /// They end when their owners say so.
    caches: RwLock<Vec<Weak<cache::Core>>>,
    /// Is the installed cache one of them? It is looked up when it is needed, for it may be installed later.
    installed: AtomicBool,
}

impl Holders {
    /// This one, too; without one, that which is installed.
    pub(super) fn add(&self, cache: Option<&Cache>) {
        // Not the handle, which may be made for one call and whose rights are those of its callers: the values are the
        // cache's, and so is what makes them untrue.
        let Some(cache) = cache.map(Cache::whole) else { return self.installed.store(true, Relaxed) };
        // At each call that names its cache: two pointers are compared, and nothing is counted.
        if self.caches.read().iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(&cache.0))) {
            return;
        }
        let mut caches = self.caches.write();
        caches.retain(|other| other.strong_count() > 0);
        caches.push(Arc::downgrade(&cache.0));
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Cache> {
        let mut caches: Vec<Cache> = self.caches.read().iter().filter_map(Weak::upgrade).map(Cache).collect();
        if self.installed.load(Relaxed) && !caches.iter().any(|cache| cache.is(Cache::installed().whole())) {
            caches.push(Cache::installed().whole().clone());
        }
        caches
    }
}
