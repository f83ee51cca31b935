//! One byte budget for all shelves, divided by what each byte earns.
//!
//! A shelf that drops nothing gets what it uses and some room to grow. When that is more than there is, the contested
//! part goes to shelves in proportion to their hits per byte; a floor for each keeps a quiet site from being emptied by
//! a scan on another. Rounds happen on inserts, not on a timer: a cache that takes in nothing needs no balancing.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::clock::Millis;
use crate::curve::Curve;

/// So long after its last sweep a shelf is looked through for what has expired, in milliseconds.
const SWEEP: Millis = 60_000;
/// Inserts between two rounds.
const ROUND: u32 = 64;
/// No shelf gets less than this, as long as the budget allows.
const FLOOR: u64 = 1 << 20;

/// A shelf as the balancer sees it.
pub(crate) trait Balanced: Send + Sync {
    fn namespace(&self) -> &str;
    fn weight(&self) -> u64;
    fn entries(&self) -> usize;
    fn hits(&self) -> u64;
    fn evicted(&self) -> u64;
    fn capacity(&self) -> u64;
    /// Bytes of copies outside the shelf.
    fn fronted(&self) -> u64;
    fn set_capacity(&self, capacity: u64);
    /// How often it would miss with more room or less.
    fn curve(&self, now: Millis) -> Option<Curve>;
    /// Removes what may not be served any more.
    fn expire(&self, now: Millis);
    fn clear(&self);
}

/// What has a near tier inside: one pointer less on a hit's way than a near tier of its own.
pub(crate) trait HasNear: Send + Sync {
    fn near(&self) -> &dyn Balanced;

    /// What it may hold at most, if that is said of it alone.
    fn limit(&self) -> Option<u64>;
    /// The name of its site.
    fn site(&self) -> &str;
}

/// Divides the budget.
pub(crate) struct Balance {
    budget: AtomicU64,
    limits: Mutex<HashMap<String, u64>>,
    inserts: AtomicU32,
    shelves: Mutex<Vec<Account>>,
    /// Held while capacities are moved. What that drops runs code of its own, so the list of shelves is not held then.
    moving: Mutex<()>,
}

struct Account {
    shelf: Arc<dyn HasNear>,
    hits: u64,
    evicted: u64,
    /// When it was looked through for what has expired; 0 before the first round.
    swept: Millis,
    /// Hits per round, averaged over the last few.
    pace: f64,
}

impl Balance {
    pub(crate) fn new(budget: u64, limits: HashMap<String, u64>) -> Self {
        Self {
            budget: AtomicU64::new(budget),
            limits: Mutex::new(limits),
            inserts: AtomicU32::new(0),
            shelves: Mutex::new(Vec::new()),
            moving: Mutex::new(()),
        }
    }

    pub(crate) fn budget(&self) -> u64 {
        self.budget.load(Ordering::Relaxed)
    }

    /// What namespaces may hold, where that is said.
    pub(crate) fn limits(&self) -> Vec<(String, u64)> {
        let mut limits: Vec<_> = self.limits.lock().iter().map(|(name, limit)| (name.clone(), *limit)).collect();
        limits.sort_unstable();
        limits
    }

    /// What a shelf of this namespace can have at most.
    pub(crate) fn most(&self, namespace: &str) -> u64 {
        let limit = self.limits.lock().get(namespace).copied();
        limit.map_or(self.budget(), |limit| limit.min(self.budget()))
    }

    pub(crate) fn set_budget(&self, budget: u64) {
        self.budget.store(budget, Ordering::Relaxed);
        self.share_out(&self.moving.lock());
    }

    pub(crate) fn set_limit(&self, namespace: &str, limit: u64) {
        self.limits.lock().insert(namespace.to_owned(), limit);
        self.share_out(&self.moving.lock());
    }

    /// What single shelves may hold has changed.
    pub(crate) fn settle(&self) {
        self.share_out(&self.moving.lock());
    }

    /// Takes in a shelf that was just made.
    pub(crate) fn add(&self, shelf: Arc<dyn HasNear>) {
        self.shelves.lock().push(Account { shelf, hits: 0, evicted: 0, swept: 0, pace: 0.0 });
        // Whoever moves now may not know of it yet; the next round will.
        if let Some(turn) = self.moving.try_lock() {
            self.share_out(&turn);
        }
    }

    /// One more insert; now and then a round.
    pub(crate) fn inserted(&self, now: Millis) {
        if self.inserts.fetch_add(1, Ordering::Relaxed) % ROUND == ROUND - 1 {
            self.round(now);
        }
    }

    /// Bytes held, all shelves together.
    pub(crate) fn weight(&self) -> u64 {
        self.shelves.lock().iter().map(|a| a.shelf.near().weight()).sum()
    }

    /// How often the site of this name would miss with more room or less; of several shelves, that of the one that is
    /// asked most.
    pub(crate) fn curve(&self, site: &str, now: Millis) -> Option<Curve> {
        let named = |account: &&Account| is_named(account.shelf.site(), site);
        let shelves: Vec<_> = self.shelves.lock().iter().filter(named).map(|a| Arc::clone(&a.shelf)).collect();
        let curves = shelves.iter().filter_map(|shelf| shelf.near().curve(now));
        curves.max_by(|a, b| a.references.total_cmp(&b.references))
    }

    /// Calls for every shelf.
    pub(crate) fn each(&self, mut call: impl FnMut(&dyn Balanced)) {
        let shelves: Vec<_> = self.shelves.lock().iter().map(|a| Arc::clone(&a.shelf)).collect();
        shelves.iter().for_each(|shelf| call(shelf.near()));
    }

    /// One round: whoever comes while another runs has nothing to do.
    fn round(&self, now: Millis) {
        let Some(turn) = self.moving.try_lock() else { return };
        self.share_out(&turn);
        drop(turn);
        // One shelf a round: who inserts pays for it.
        let due = due_for_a_sweep(&mut self.shelves.lock(), now);
        if let Some(shelf) = due {
            shelf.near().expire(now);
        }
    }

    fn share_out(&self, _turn: &MutexGuard<'_, ()>) {
        let moves = self.moves(&mut self.shelves.lock());
        moves.iter().for_each(|(shelf, share)| shelf.near().set_capacity(*share));
    }

    /// Who gets how much, if that is not about what it has.
    fn moves(&self, accounts: &mut [Account]) -> Vec<(Arc<dyn HasNear>, u64)> {
        let budget = self.budget();
        let floor = FLOOR.min(budget / (4 * accounts.len().max(1) as u64)).max(1);
        let wants: Vec<Want> = accounts.iter_mut().map(|a| a.want(floor)).collect();
        let mut shares = divide(budget, floor, &wants);
        self.limit(accounts, &mut shares);
        // Small moves are not worth the engine's locks.
        let far = |account: &Account, share: u64| {
            let has = account.shelf.near().capacity();
            share.abs_diff(has) > floor / 8 || account.shelf.limit().is_some_and(|limit| has > limit)
        };
        let moves = accounts.iter().zip(shares).filter(|(account, share)| far(account, *share));
        moves.map(|(account, share)| (Arc::clone(&account.shelf), share)).collect()
    }

    fn limit(&self, accounts: &[Account], shares: &mut [u64]) {
        for (namespace, limit) in self.limits.lock().iter() {
            let of = || accounts.iter().enumerate().filter(|(_, a)| a.shelf.near().namespace() == namespace);
            let sum: u64 = of().map(|(i, _)| shares[i]).sum();
            if sum > *limit {
                let part = *limit as f64 / sum as f64;
                of().for_each(|(i, _)| shares[i] = (shares[i] as f64 * part) as u64);
            }
        }
        for (account, share) in accounts.iter().zip(shares) {
            *share = account.shelf.limit().map_or(*share, |limit| limit.min(*share));
        }
    }
}

/// Is this the name of the site, in full or from behind a dot?
fn is_named(site: &str, name: &str) -> bool {
    site.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The shelf that was not looked through for longest, if that is long.
fn due_for_a_sweep(accounts: &mut [Account], now: Millis) -> Option<Arc<dyn HasNear>> {
    accounts.iter_mut().filter(|account| account.swept == 0).for_each(|account| account.swept = now);
    let account = accounts.iter_mut().min_by_key(|account| account.swept)?;
    if now.saturating_sub(account.swept) < SWEEP {
        return None;
    }
    account.swept = now;
    Some(Arc::clone(&account.shelf))
}

/// What one shelf asks for.
#[derive(Debug, Clone, Copy)]
struct Want {
    bytes: u64,
    /// Hits per byte.
    earns: f64,
}

impl Account {
    fn want(&mut self, floor: u64) -> Want {
        let (hits, evicted, weight) =
            (self.shelf.near().hits(), self.shelf.near().evicted(), self.shelf.near().weight());
        let pressed = evicted > self.evicted;
        self.pace = 0.8 * self.pace + 0.2 * (hits - self.hits.min(hits)) as f64;
        (self.hits, self.evicted) = (hits, evicted);
        let bytes = if pressed { self.shelf.near().capacity().max(weight) * 5 / 4 } else { weight * 5 / 4 };
        Want { bytes: bytes + floor, earns: self.pace / weight.max(floor) as f64 }
    }
}

/// Shares for these wants: all of them and the rest in proportion, or a floor for each and the rest by earnings.
fn divide(budget: u64, floor: u64, wants: &[Want]) -> Vec<u64> {
    let sum: u64 = wants.iter().map(|w| w.bytes).sum();
    if sum <= budget {
        let rest = (budget - sum) as f64 / sum.max(1) as f64;
        return wants.iter().map(|w| w.bytes + (w.bytes as f64 * rest) as u64).collect();
    }
    let best = wants.iter().map(|w| w.earns).fold(f64::MIN_POSITIVE, f64::max);
    let claims: Vec<f64> = wants.iter().map(|w| w.bytes as f64 * (w.earns / best).clamp(0.05, 1.0)).collect();
    let all: f64 = claims.iter().sum();
    let contested = budget.saturating_sub(floor * wants.len() as u64) as f64;
    claims.iter().map(|claim| floor + (contested * claim / all) as u64).collect()
}

impl fmt::Debug for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance").field("budget", &self.budget).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_never_fall_under_the_floor() {
        for n in 1..40u64 {
            let wants: Vec<Want> =
                (0..n).map(|i| Want { bytes: (i + 1) * 9_000_000, earns: (i % 7) as f64 / 1e6 }).collect();
            let floor = FLOOR.min((64 << 20) / (4 * n));
            let shares = divide(64 << 20, floor, &wants);
            assert!(shares.iter().sum::<u64>() <= 64 << 20, "{n} shelves got more than there is");
            assert!(shares.iter().all(|share| *share >= floor), "{n} shelves: one fell under the floor");
        }
    }

    #[test]
    fn a_scan_that_earns_nothing_does_not_take_from_a_site_that_earns() {
        let hot = Want { bytes: 40 << 20, earns: 1e-3 };
        let scan = Want { bytes: 80 << 20, earns: 0.0 };
        let shares = divide(64 << 20, FLOOR, &[hot, scan]);
        assert!(shares[0] > 50 << 20, "the hot site got {} bytes", shares[0]);
    }
}
