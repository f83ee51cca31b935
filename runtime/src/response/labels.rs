//! The tags by which what is kept for an address is taken back.
//!
//! Clients choose at which addresses they change things, and the log remembers each group that was ever named, up to a
//! number: then many become one, and much goes that nobody meant. So all that is kept has two tags, one of its address
//! and one that it shares with some others; and only so many addresses are named by their own.

use std::sync::Arc;

use parking_lot::Mutex;
use quick_cache::sync::Cache as Bounded;

use super::place::{Place, Unschemed};
use crate::cache::Cache;
use crate::clock::Millis;
use crate::key::KeyWriter;
use crate::log::Interest;
use crate::namespace::Name;

/// So many addresses are named one by one; one that was is so again.
const ALONE: u32 = 4_096;
/// And so many more in each second.
const MORE: u64 = 16;
/// What an address has in thousandths, so that parts of a second count.
const PRICE: u64 = 1_000;
/// All others are named with those that share this number with them.
const SETS: u64 = 8_192;

/// The labels of one namespace, for all layers of it.
pub(super) struct Labels {
    namespace: String,
    told: Bounded<String, ()>,
    purse: Mutex<Purse>,
    rest: Arc<Interest>,
}

/// How many addresses may still be named one by one.
struct Purse {
    left: u64,
    filled: Millis,
}

/// What begins all labels.
struct Beginning;

/// A number of addresses.
struct Set(u64);

impl Labels {
    pub(super) fn new(cache: &Cache, namespace: &str) -> Self {
        let of = |name: &dyn Name| key(cache, namespace, name);
        let mut rest = Interest::new(namespace, &format!("{namespace}:"), vec![String::new()], false);
        rest.spared = Some(of(&Beginning));
        let rest = Arc::new(rest);
        cache.0.log.watch(&rest);
        Self {
            namespace: namespace.to_owned(),
            told: Bounded::new(ALONE as usize),
            purse: Mutex::new(Purse { left: u64::from(ALONE) * PRICE, filled: cache.clock().now() }),
            rest,
        }
    }

    /// All tags of what is kept for an address.
    pub(super) fn of(&self, cache: &Cache, place: &Place) -> [String; 2] {
        let own = key(cache, &self.namespace, &Unschemed(place));
        let set = self.set_of(cache, &own);
        [own, set]
    }

    /// The tag by which it is taken back now: one of these.
    pub(super) fn to_tell(&self, cache: &Cache, place: &Place) -> String {
        let [own, set] = self.of(cache, place);
        if self.told.get(&own).is_none() {
            if !self.purse.lock().pays(cache.clock().now()) {
                return set;
            }
            self.told.insert(own.clone(), ());
        }
        own
    }

    /// The last application of an invalidation that may name one of these responses, but for those by labels.
    pub(super) fn rest(&self) -> u64 {
        self.rest.head()
    }

    fn set_of(&self, cache: &Cache, own: &str) -> String {
        // FNV-1a: all nodes have to come to the same number.
        let hash = own
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        key(cache, &self.namespace, &Set(hash % SETS))
    }
}

impl Purse {
    fn pays(&mut self, now: Millis) -> bool {
        let earned = now.saturating_sub(self.filled).saturating_mul(MORE);
        self.left = self.left.saturating_add(earned).min(u64::from(ALONE) * PRICE);
        self.filled = self.filled.max(now);
        let rest = self.left.checked_sub(PRICE);
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }
}

fn key(cache: &Cache, namespace: &str, name: &dyn Name) -> String {
    let mut out = KeyWriter::new(cache.0.settings.secret);
    out.literal(namespace).literal(":");
    name.write_name(&mut out);
    out.finish().as_str().to_owned()
}

impl Name for Beginning {
    fn write_name(&self, out: &mut KeyWriter) {
        out.literal("at:");
    }
}

/// No path is a number: it is the name of no place.
impl Name for Set {
    fn write_name(&self, out: &mut KeyWriter) {
        out.literal("at::").part(&self.0);
    }
}

impl std::fmt::Debug for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Labels").field("told", &self.told.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_names_is_paid_from_what_a_second_brings() {
        let mut purse = Purse { left: 2 * PRICE, filled: 0 };
        assert_eq!([purse.pays(0), purse.pays(0), purse.pays(0)], [true, true, false]);
        let paid = (0..1_000).filter(|now| purse.pays(*now)).count() as u64;
        assert!(paid < MORE, "{paid}");
        assert!(purse.pays(2_000));
        let mut full = Purse { left: 0, filled: 0 };
        assert!(full.pays(Millis::MAX));
        assert_eq!(full.left, u64::from(ALONE - 1) * PRICE, "and no more, however long nobody came");
    }
}
