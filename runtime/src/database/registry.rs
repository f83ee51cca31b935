//! Which names are in use: two databases of one name would answer for each other.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::driver::{Address, Driver};
use super::holders::Holders;
use crate::error::{Error, Result};

/// The names in use.
static NAMES: Mutex<Option<HashMap<Box<str>, Named>>> = Mutex::new(None);

/// Where the database of a name is, how many handles were made for it, and who holds what was read from it.
struct Named {
    target: Box<str>,
    handles: usize,
    holders: Arc<Holders>,
}

/// A name, in use until this is dropped.
#[derive(Debug)]
pub(super) struct Registered {
    name: Box<str>,
    moved: bool,
    /// Of all handles that were made for it: what is written through one is told to the caches of the others.
    pub(super) holders: Arc<Holders>,
}

impl Registered {
    pub(super) fn new(name: &str, target: &str) -> Result<Self> {
        if name.is_empty() {
            return Err(Error::config("name", "a database needs a name"));
        }
        let mut names = NAMES.lock();
        let names = names.get_or_insert_default();
        let named = names.entry(name.into()).or_insert_with(|| Named {
            target: target.into(),
            handles: 0,
            holders: Arc::default(),
        });
        let moved = *named.target != *target;
        if moved && named.handles == 0 {
            named.target = target.into();
            named.holders = Arc::default();
        } else if moved {
            let message = "there is another database of this name: give each its own with DatabaseOptions::name";
            return Err(Error::config("name", message).with("name", name));
        }
        named.handles += 1;
        Ok(Self { name: name.into(), moved, holders: Arc::clone(&named.holders) })
    }

    /// Did a database elsewhere have this name before?
    pub(super) const fn moved(&self) -> bool {
        self.moved
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut names = NAMES.lock();
        let Some(names) = names.as_mut() else { return };
        if let Some(named) = names.get_mut(&self.name) {
            named.handles -= 1;
        }
    }
}

/// Where a database is, and as whom it is asked: some show each user something else. Without the password.
pub(super) fn target<DB: Driver>(address: &Address<DB>) -> String {
    static IN_MEMORY: AtomicU64 = AtomicU64::new(0);
    if DB::is_alone(address) {
        return format!("{}:{}", DB::BACKEND, IN_MEMORY.fetch_add(1, Ordering::Relaxed));
    }
    // Two that differ in `search_path` see different tables.
    format!("{}:{} {}", DB::BACKEND, DB::url(address), DB::unsaid(address).unwrap_or_default())
}
