//! Entries that a newer version of this crate wrote: while a deploy is under way, its nodes still read them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Millis;
use crate::key::Key;

/// How long such an entry is left in place after it was first met: an hour. By then a deploy is over, or was taken back.
pub(super) const LEFT: Millis = 60 * 60 * 1000;
/// How many are remembered. What is beyond may be overwritten, and costs the newer nodes a load.
const MOST: usize = 4_096;

/// The keys of those entries, and when each was first met.
#[derive(Debug, Default)]
pub(super) struct Newer {
    met: Mutex<HashMap<Key, Millis>>,
    /// Almost always none: then nobody takes the lock.
    len: AtomicUsize,
}

impl Newer {
    /// One was read: is it to be left in place?
    pub(super) fn meet(&self, key: &Key, now: Millis) -> bool {
        let mut met = self.met();
        if let Some(first) = met.get(key) {
            return is_left(*first, now);
        }
        if met.len() >= MOST {
            met.retain(|_, first| is_left(*first, now));
        }
        if met.len() < MOST {
            met.insert(key.clone(), now);
        }
        self.len.store(met.len(), Ordering::Release);
        true
    }

    /// Does one lie there that is not to be overwritten?
    pub(super) fn holds(&self, key: &Key, now: Millis) -> bool {
        self.any() && self.met().get(key).is_some_and(|first| is_left(*first, now))
    }

    /// There is none at this key any more.
    pub(super) fn gone(&self, key: &Key) {
        if self.any() {
            let mut met = self.met();
            met.remove(key);
            self.len.store(met.len(), Ordering::Release);
        }
    }

    fn any(&self) -> bool {
        self.len.load(Ordering::Acquire) > 0
    }

    fn met(&self) -> MutexGuard<'_, HashMap<Key, Millis>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back since counts as no time.
fn is_left(first: Millis, now: Millis) -> bool {
    now.saturating_sub(first) < LEFT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten_in_time() {
        let newer = Newer::default();
        let key = |n: usize| Key::from(format!("video:{n}"));
        for n in 0..2 * MOST {
            assert!(newer.meet(&key(n), 1_000));
        }
        assert_eq!(newer.met().len(), MOST);
        assert!(newer.holds(&key(0), LEFT) && !newer.holds(&key(MOST), LEFT));
        assert!(!newer.holds(&key(0), LEFT + 1_000) && !newer.meet(&key(0), LEFT + 1_000));
        assert!(newer.meet(&key(MOST), LEFT + 1_000) && newer.met().len() == 1);
        newer.gone(&key(MOST));
        assert!(!newer.any());
    }
}
