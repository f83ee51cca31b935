//! Which cache serves a call.

use crate::cache::{Cache, Found};
use crate::front;
use crate::key::{Glance, KeyPart};
use crate::shelf::Shelf;
use crate::site::Site;

/// Which cache serves a call.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The one behind every site that names no other. It is not looked up until something beside near is needed.
    Installed,
    /// The one that the attribute names.
    This(&'a Cache),
    /// None: the call reads what nobody else may see yet. Its entry would be in this one.
    Bypass(&'a Cache),
}

impl<'a> Which<'a> {
    /// The cache itself.
    #[inline]
    pub(crate) fn cache(self) -> &'a Cache {
        match self {
            Self::Installed => Cache::installed(),
            Self::This(cache) | Self::Bypass(cache) => cache,
        }
    }

    /// The value of this key, if it is a plain hit; counted.
    #[inline(always)]
    pub(crate) fn hit<K, V, R, Q, H>(self, site: &'static Site, key: H) -> Option<V>
    where
        H: Fn() -> Q,
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
        Q: KeyPart<Owned = K>,
    {
        let shelf: &Shelf<K, V, R> = match self {
            Self::Installed => {
                // Each step of the long way is a load that waits for the one before: the shortcut leaves out most.
                let shelf = match site.shortcut(Cache::generation()).and_then(|shelf| shelf.downcast_ref()) {
                    Some(shelf) => shelf,
                    None => shelf_of(Cache::installed(), site)?,
                };
                if shelf.few_are_hot()
                    && let Some(answer) = front::hit(site, shelf, &key())
                {
                    return answer;
                }
                shelf
            }
            Self::This(cache) => shelf_of(cache, site)?,
            Self::Bypass(_) => return None,
        };
        shelf.hit(&Glance { key: key(), of: key })
    }

    /// The site's shelf, made now if it has to be; `None` if there are more sites than a cache has room for, or if the call
    /// is to go by all of them.
    pub(crate) fn shelf<K, V, R>(self, site: &'static Site) -> Option<Found<'a, K, V, R>>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        self.shelf_at_rest(site).filter(|(_, shelf)| !shelf.is_paused())
    }

    /// The same for who asks later: by then calls may go by the cache, or not any more.
    pub(crate) fn shelf_at_rest<K, V, R>(self, site: &'static Site) -> Option<Found<'a, K, V, R>>
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        match self {
            Self::Bypass(_) => None,
            Self::Installed | Self::This(_) => self.cache().shelf(site),
        }
    }
}

/// A source of answers that knows its own name.
pub trait Source {
    /// What it is called in keys and tags.
    fn name(&self) -> &str;

    /// Which cache its answers are kept in, if the attribute says this.
    fn which<'a>(&'a self, said: Which<'a>) -> Which<'a>;
}

/// The long way to a shelf that is made; out of line, for a hit is as quick as its code is short.
#[inline(never)]
fn shelf_of<'a, K, V, R>(cache: &'a Cache, site: &'static Site) -> Option<&'a Shelf<K, V, R>>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    cache.shelf_in_place::<K, V, R>(site).map(|(_, shelf)| shelf)
}
