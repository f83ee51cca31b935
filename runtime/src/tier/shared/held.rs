//! The leases of this node.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::key::Key;

/// How long a lease lasts without being renewed.
pub(in crate::tier) const LIFE: Duration = Duration::from_secs(2);
/// More leases than these are not remembered: what is loaded under the others is stored as if without.
const MOST: usize = 65_536;

/// The leases that this node holds, or held when what it loaded was handed over to be stored.
#[derive(Debug, Default)]
pub(in crate::tier) struct Held(Mutex<HashMap<Key, u64>>);

impl Held {
    pub(in crate::tier) fn token(&self, key: &Key) -> Option<u64> {
        let held = self.0.lock();
        if held.is_empty() { None } else { held.get(key).copied() }
    }

    pub(in crate::tier) fn forget(&self, key: &Key) {
        let mut held = self.0.lock();
        if !held.is_empty() {
            held.remove(key);
        }
    }

    /// Forgets a lease that is given back, if it is the one that is held now.
    pub(in crate::tier) fn forget_token(&self, key: &Key, token: u64) {
        let mut held = self.0.lock();
        if held.get(key) == Some(&token) {
            held.remove(key);
        }
    }

    pub(in crate::tier) fn remember(&self, key: &Key, token: u64) {
        let mut held = self.0.lock();
        if held.len() < MOST {
            held.insert(key.clone(), token);
        }
    }
}
