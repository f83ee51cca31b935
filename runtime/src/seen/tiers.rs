//! What tiers, and the servers that they are on, say of themselves.

#[cfg(any(feature = "http", test))]
use super::health::Warning;
use crate::cache::Cache;
use crate::join::join;
use crate::plain::plain;
use crate::stack::Level;
use crate::tier::{BreakerState, TierState};

/// A server without eviction that is fuller than this will soon refuse writes.
#[cfg(any(feature = "http", test))]
const FULL: f64 = 0.9;

plain! {
    /// A tier, and what it says of itself.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct TierView {
        /// The tier.
        pub tier: String,
        /// What it says; nothing while it does not answer, or is left alone because it failed.
        pub state: Option<TierState>,
    }
}

impl Cache {
    /// What the tiers say of themselves, from the nearest to the deepest: memory, evictions and clients of a Redis, the
    /// version of a database, bytes of a file. Needs feature `http`, `metrics` or `opentelemetry`.
    ///
    /// Cost: one question to each server (Redis: `INFO`), for which a tier has 0.3 s. An answer counts for a second,
    /// however many ask. No call of a cached function asks, or waits for who does. A Redis whose user may not `INFO`
    /// says nothing.
    pub async fn tier_states(&self) -> Vec<TierView> {
        let asked = self.0.stack.levels().iter().map(|level| Box::pin(self.view_of(level)));
        join(asked.collect()).await
    }

    async fn view_of(&self, level: &Level) -> TierView {
        // One that is left alone is not asked either: its answer would be waited for in vain.
        let well = level.breakers[0].state() != BreakerState::Open;
        let state = level.said.ask(&*level.meter, well, || self.clock().now_assured()).await;
        TierView { tier: level.name.clone(), state }
    }
}

/// What servers say that somebody should look at.
#[cfg(feature = "http")]
pub(crate) fn warnings(views: &[TierView]) -> Vec<Warning> {
    let said = views.iter().filter_map(|view| Some((&*view.tier, view.state.as_ref()?)));
    said.flat_map(|(name, state)| of_state(name, state)).collect()
}

#[cfg(any(feature = "http", test))]
fn of_state(name: &str, state: &TierState) -> Vec<Warning> {
    let policy = state.policy.as_deref().unwrap_or_default();
    let Some(fullest) = state.fullest else { return Vec::new() };
    let mut warnings = Vec::new();
    if policy.contains("allkeys-") {
        let evicted = state.evicted.unwrap_or(0);
        let text = format!(
            "{name} may evict the log that nodes share, and with it all that they hold (`maxmemory-policy` is {policy}; {evicted} \
             keys were evicted so far): set a `volatile-*` policy, or `noeviction`"
        );
        warnings.push(Warning::new("log_evictable", name, text));
    }
    if policy.contains("noeviction") && fullest > FULL {
        let text = format!(
            "{name} uses {:.0} % of its memory and evicts nothing: when it is full it refuses frames and invalidations; raise \
             `maxmemory`, or set a `volatile-*` policy",
            fullest * 100.0
        );
        warnings.push(Warning::new("tier_full", name, text));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(policy: &str, fullest: Option<f64>) -> Vec<String> {
        let state = TierState { policy: Some(policy.to_owned()), fullest, evicted: Some(7), ..TierState::default() };
        of_state("redis", &state).into_iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn a_server_that_will_refuse_or_forget_is_warned_of() {
        assert_eq!(codes("noeviction", Some(0.91)), ["tier_full"]);
        assert_eq!(codes("allkeys-lru", Some(0.2)), ["log_evictable"]);
        assert_eq!(codes("noeviction, allkeys-lfu", Some(0.95)), ["log_evictable", "tier_full"]);
        for well in
            [("noeviction", Some(0.9)), ("noeviction", None), ("allkeys-lru", None), ("volatile-ttl", Some(1.0))]
        {
            assert!(codes(well.0, well.1).is_empty(), "{well:?}");
        }
        assert!(of_state("disk", &TierState { fullest: Some(1.0), ..TierState::default() }).is_empty());
    }
}
