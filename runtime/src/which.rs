//! Which cache serves a call.

use crate::cache::{Cache, Found};
use crate::front;
use crate::key::KeyPart;
use crate::shelf::Shelf;
use crate::site::Site;

/// Which cache serves a call.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The one behind every site that names no other. It is not looked up until something beside near is needed.
    Installed,
    /// The one that the attribute names.
    This(&'a Cache),
}

impl<'a> Which<'a> {
    /// The cache itself.
    #[inline]
    pub(crate) fn cache(self) -> &'a Cache {
        match self {
            Self::Installed => Cache::installed(),
            Self::This(cache) => cache,
        }
    }

    /// The value of this key, if it is a plain hit; counted.
    #[inline]
    pub(crate) fn hit<K, V, R, Q>(self, site: &'static Site, key: &Q) -> Option<V>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
        Q: KeyPart<Owned = K> + ?Sized,
    {
        match self {
            Self::Installed => {
                // Each step of the long way is a load that waits for the one before: the shortcut leaves out most.
                let shelf: &'static Shelf<K, V, R> =
                    match site.shortcut(Cache::generation()).and_then(|shelf| shelf.downcast_ref()) {
                        Some(shelf) => shelf,
                        None => Cache::installed().shelf_in_place(site)?.1,
                    };
                if shelf.few_are_hot() { front::hit(site, shelf, key) } else { shelf.hit(key) }
            }
            Self::This(cache) => cache.shelf_in_place::<K, V, R>(site)?.1.hit(key),
        }
    }

    /// The site's shelf, made now if it has to be; `None` if there are more sites than a cache has room for.
    pub(crate) fn shelf<K, V, R>(self, site: &'static Site) -> Option<Found<'a, K, V, R>>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        self.cache().shelf(site)
    }
}
