//! The hottest values once more, per thread: read without a lock and without writing to memory that threads share.
//!
//! A front is a small table beside a shelf of the installed cache, where each key has one place; it is used while a few
//! keys get most of the hits, for then threads would fight over one lock word. It holds copies, and two numbers tell
//! whether a copy is still what the shelf has: the log's head, as for every entry, and a stamp that every store of such
//! a key changes. A copy answers a few calls, then the shelf is asked again, so that the policy learns what is hot. Who
//! finds its place taken wears the owner's credit down, and takes the place when it is gone, as in Frequent (Misra and
//! Gries, "Finding repeated elements", 1982).
//!
//! Bounded: all fronts of a shelf together hold at most a sixteenth of what it may. Values of a thread that rests stay
//! until it ends or asks again.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hashbrown::Equivalent;

use crate::clock::Millis;
use crate::key::{KeyPart, Lookup, OwnedKey};
use crate::near::{Entry, Near, Seen};
use crate::shelf::Shelf;
use crate::site::Site;

/// Places of a front.
const PLACES: usize = 16;
/// Calls that one copy answers before the shelf is asked again.
const USES: u8 = 32;
/// How many calls for other keys a copy outlives without being asked for itself.
const CREDIT: u8 = 4;
/// Larger values are not copied.
const LARGEST: u32 = 16 << 10;

thread_local! {
    /// This thread's fronts, by index of the site.
    static FRONTS: RefCell<Vec<Option<Box<dyn Any>>>> = const { RefCell::new(Vec::new()) };
}

/// One thread's front of one site.
struct Front<K: 'static, V: 'static, R: 'static> {
    shelf: &'static Shelf<K, V, R>,
    places: [Option<Copied<K, V>>; PLACES],
}

/// A copy of an entry.
struct Copied<K, V> {
    key: OwnedKey<K>,
    value: V,
    seen: Seen,
    fresh_until: Millis,
    weight: u32,
    uses: u8,
    credit: u8,
}

/// The value of this key, if it is a plain hit; counted. `None`: ask the shelf instead.
///
/// While a value is cloned or dropped here, calls made by it find the fronts taken and go the longer way.
#[inline(never)]
pub(crate) fn hit<K, V, R, Q>(site: &'static Site, shelf: &'static Shelf<K, V, R>, key: &Q) -> Option<Option<V>>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
    Q: KeyPart<Owned = K> + ?Sized,
{
    let asked = FRONTS.try_with(|fronts| {
        let mut fronts = fronts.try_borrow_mut().ok()?;
        let front = fronts.get_mut(site.index())?.as_mut()?.downcast_mut::<Front<K, V, R>>()?;
        std::ptr::eq(front.shelf, shelf).then(|| front.hit(key))
    });
    match asked {
        Ok(Some(answer)) => Some(answer),
        _ => {
            open(site, shelf);
            None
        }
    }
}

/// Opens a front, unless another instance of a generic function has the place, or it is in use further out.
#[cold]
fn open<K, V, R>(site: &'static Site, shelf: &'static Shelf<K, V, R>)
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    let opened = FRONTS.try_with(|fronts| {
        let mut fronts = fronts.try_borrow_mut().ok()?;
        let missing = (site.index() + 1).saturating_sub(fronts.len());
        fronts.extend((0..missing).map(|_| None));
        let place = fronts.get_mut(site.index())?;
        let ours = place.as_ref().is_none_or(|front| front.is::<Front<K, V, R>>());
        let front = ours.then(|| Front::new(shelf)).flatten()?;
        place.replace(Box::new(front))
    });
    // An older cache's: dropped when the fronts are free again, for values run code of their own.
    drop(opened);
}

impl<K, V, R> Front<K, V, R>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    fn new(shelf: &'static Shelf<K, V, R>) -> Option<Self> {
        let table = Self::table_bytes();
        let empty = || Self { shelf, places: std::array::from_fn(|_| None) };
        shelf.near.take_front_room(table).then(empty)
    }

    /// The value of this key from here or from near.
    #[inline]
    fn hit<Q: KeyPart<Owned = K> + ?Sized>(&mut self, key: &Q) -> Option<V> {
        let shelf = self.shelf;
        let fresh_at = shelf.clock.now() + shelf.policy().refresh_ahead;
        let seen = shelf.near.seen(key);
        if let Some(copied) = &mut self.places[place(seen.hash)]
            && copied.seen == seen
            && copied.fresh_until > fresh_at
            && copied.uses > 0
            && Lookup(key).equivalent(&copied.key)
        {
            copied.uses -= 1;
            copied.credit = CREDIT;
            if shelf.count_fronted_hit(key) {
                return None;
            }
            return Some(copied.value.clone());
        }
        self.pass(key, seen, fresh_at)
    }

    /// Asks near, and copies what it has.
    #[inline(never)]
    fn pass<Q: KeyPart<Owned = K> + ?Sized>(&mut self, key: &Q, seen: Seen, fresh_at: Millis) -> Option<V> {
        let entry = self.shelf.near.fresh_entry(key, seen.head, fresh_at, 0)?;
        if entry.is_noted() {
            self.shelf.near.noted_hit(key, self.shelf.clock.now());
        }
        let due = self.shelf.count_fronted_hit(key);
        self.copy(key, seen, &entry);
        // Who looks closer finds that an audit is due.
        (!due).then_some(entry.value)
    }

    fn copy<Q: KeyPart<Owned = K> + ?Sized>(&mut self, key: &Q, seen: Seen, entry: &Entry<V>) {
        let near = &self.shelf.near;
        let place = &mut self.places[place(seen.hash)];
        if let Some(copied) = place {
            if copied.seen.hash == seen.hash && Lookup(key).equivalent(&copied.key) {
                if copied.seen == seen {
                    // Used up. Not if the log moved, though the stamp did not: what invalidated the copy's entry may be
                    // followed by a store that is seen already and has not changed the stamp yet.
                    copied.uses = USES;
                    return;
                }
            } else if copied.credit > 0 {
                copied.credit -= 1;
                return;
            }
        }
        if let Some(old) = place.take() {
            near.give_front_room(old.weight.into());
        }
        if entry.weight <= LARGEST && near.take_front_room(entry.weight.into()) {
            let room = Room { near, bytes: entry.weight.into() };
            *place = Some(Copied {
                key: OwnedKey(key.to_owned_part()),
                value: entry.value.clone(),
                seen,
                fresh_until: entry.fresh_until(),
                weight: entry.weight,
                uses: USES,
                credit: CREDIT,
            });
            std::mem::forget(room);
        }
    }
}

/// Room taken for a copy that is being made: given back if making it panics.
struct Room<'a, K, V> {
    near: &'a Near<K, V>,
    bytes: u64,
}

impl<K, V> Drop for Room<'_, K, V> {
    fn drop(&mut self) {
        self.near.give_front_room(self.bytes);
    }
}

impl<K, V, R> Front<K, V, R> {
    fn table_bytes() -> u64 {
        size_of::<Self>() as u64
    }
}

impl<K, V, R> Drop for Front<K, V, R> {
    fn drop(&mut self) {
        let copies: u64 = self.places.iter().flatten().map(|copied| u64::from(copied.weight)).sum();
        self.shelf.near.give_front_room(copies + Self::table_bytes());
        for place in &mut self.places {
            // A panic while a thread ends would end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(place.take())));
        }
    }
}

/// The lower bits: the upper ones choose the stamp.
#[inline]
fn place(hash: u64) -> usize {
    hash as usize % PLACES
}
