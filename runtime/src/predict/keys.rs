//! The keys themselves: what is to be loaded must be said in full.

use parking_lot::Mutex;

use super::hash::Id;

/// Keys under one lock.
const WAYS: usize = 8;

/// Owned keys by their short names, bounded. A lock that is taken is not waited for.
#[derive(Debug)]
pub(super) struct Keys<K>(Box<[Mutex<Vec<Owned<K>>>]>);

#[derive(Debug)]
struct Owned<K> {
    id: Id,
    used: bool,
    hash: u64,
    key: K,
}

impl<K> Keys<K> {
    pub(super) fn new(keys: usize) -> Self {
        Self((0..buckets(keys)).map(|_| Mutex::default()).collect())
    }

    /// What so many keys take, without what they hold on the heap.
    pub(super) const fn bytes(keys: usize) -> usize {
        buckets(keys) * (size_of::<Mutex<Vec<Owned<K>>>>() + WAYS * size_of::<Owned<K>>())
    }

    fn bucket(&self, id: Id) -> &Mutex<Vec<Owned<K>>> {
        &self.0[id as usize & (self.0.len() - 1)]
    }

    /// Remembers a key, if it is not yet, in place of one that nobody asked for.
    pub(super) fn remember(&self, id: Id, hash: u64, own: impl FnOnce() -> K) {
        let Some(mut keys) = self.bucket(id).try_lock() else { return };
        if let Some(known) = keys.iter_mut().find(|known| known.id == id) {
            known.used = true;
            return;
        }
        let new = Owned { id, used: true, hash, key: own() };
        if keys.len() < WAYS {
            return keys.push(new);
        }
        let unused = keys.iter().position(|known| !known.used);
        keys.iter_mut().for_each(|known| known.used = false);
        if let Some(place) = keys.get_mut(unused.unwrap_or(0)) {
            *place = new;
        }
    }

    /// Looks at a key that is remembered.
    pub(super) fn with<T>(&self, id: Id, look: impl FnOnce(u64, &K) -> T) -> Option<T> {
        let mut keys = self.bucket(id).try_lock()?;
        let known = keys.iter_mut().find(|known| known.id == id)?;
        known.used = true;
        Some(look(known.hash, &known.key))
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let owned: usize = self.0.iter().map(|keys| keys.lock().capacity()).sum();
        size_of_val(&*self.0) + owned * size_of::<Owned<K>>()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|keys| keys.lock().len()).sum()
    }
}

const fn buckets(keys: usize) -> usize {
    keys.div_ceil(WAYS).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_owned_once_and_room_is_bounded() {
        let keys = Keys::new(16);
        (0..1_000).for_each(|id| keys.remember(id, id.into(), || id.to_string()));
        assert_eq!(keys.len(), 16);
        keys.remember(999, 999, || unreachable!("is there"));
        assert_eq!(keys.with(999, |hash, key| (hash, key.clone())), Some((999, "999".to_owned())));
        assert_eq!(keys.with(0, |hash, _| hash), None);
    }

    #[test]
    fn a_lock_that_is_taken_is_not_waited_for() {
        let keys = Keys::new(8);
        keys.remember(1, 1, || ());
        let _taken = keys.bucket(1).lock();
        assert_eq!(keys.with(1, |hash, ()| hash), None);
        keys.remember(2, 2, || unreachable!("skipped"));
    }
}
