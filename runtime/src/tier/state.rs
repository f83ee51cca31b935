//! What a tier, or the server that it is on, says of itself: asked by who looks, never on the way of a call.

#[cfg(feature = "_seen")]
use std::time::Duration;

#[cfg(feature = "_seen")]
use super::Tier;
#[cfg(feature = "_seen")]
use super::call::caught;
#[cfg(feature = "_seen")]
use crate::clock::Millis;
use crate::plain::plain;

/// So long an answer counts: however many look, a server is asked once in this time.
#[cfg(feature = "_seen")]
const FRESH: Millis = 1_000;
/// So long a server has to answer.
#[cfg(feature = "_seen")]
const PATIENCE: Duration = Duration::from_millis(300);
/// A version, a role or a policy is no longer than this, in bytes.
#[cfg(any(feature = "redis", feature = "_sql"))]
const LONGEST: usize = 64;

plain! {
    /// What a tier, or the server that it is on, says of itself. What it does not say is missing.
    ///
    /// Figures of a Redis are of the whole server, with all that others have and do there; of a cluster they are
    /// summed.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct TierState {
        /// The servers that it is on; 0 for a tier of this process or this machine.
        pub servers: u64,
        /// Those of them that have answered.
        pub answered: u64,
        /// The version of the server or the engine; of servers that differ, of each.
        pub version: Option<String>,
        /// `master`, as a Redis says it.
        pub role: Option<String>,
        /// Seconds since the server was started; of several, the one that was started last.
        pub uptime_seconds: Option<u64>,
        /// Bytes in use: of memory in a Redis (`used_memory`), of the file of SQLite, of frames elsewhere.
        pub used_bytes: Option<u64>,
        /// Bytes that may be in use (`maxmemory`, or the tier's own bound); missing where there is no bound.
        pub max_bytes: Option<u64>,
        /// How full the fullest server is, from 0 to 1; missing where there is no bound.
        pub fullest: Option<f64>,
        /// What a Redis does when its memory is full (`maxmemory-policy`); of servers that differ, of each.
        pub policy: Option<String>,
        /// Entries that were dropped for space since the server was started (`evicted_keys`).
        pub evicted: Option<u64>,
        /// Connections of all clients.
        pub clients: Option<u64>,
        /// Keys that were found, whoever asked (`keyspace_hits`).
        pub hits: Option<u64>,
        /// Keys that were not (`keyspace_misses`).
        pub misses: Option<u64>,
    }
}

impl TierState {
    /// So many bytes are in use of so many.
    #[cfg(any(feature = "disk", feature = "sqlite", feature = "_server"))]
    pub(super) fn holding(used: Option<u64>, most: u64) -> Self {
        let fullest = used.filter(|_| most > 0).map(|used| used as f64 / most as f64);
        Self { used_bytes: used, max_bytes: Some(most), fullest, ..Self::default() }
    }
}

/// A word that a server says: short, and of what can be seen; nothing else is shown to anybody.
#[cfg(any(feature = "redis", feature = "_sql"))]
pub(super) fn worded(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    fits.then(|| text.to_owned())
}

/// What was said last. Who asks meanwhile waits for the one question there is.
#[cfg(feature = "_seen")]
#[derive(Debug, Default)]
pub(crate) struct LastSaid(tokio::sync::Mutex<Option<(Millis, Option<TierState>)>>);

#[cfg(feature = "_seen")]
impl LastSaid {
    /// What the tier says of itself, or said a moment ago; nothing if it does not answer, or must not be asked.
    pub(crate) async fn ask(&self, tier: &dyn Tier, well: bool, now: impl Fn() -> Millis) -> Option<TierState> {
        let mut last = self.0.lock().await;
        let asked = now();
        if let Some((at, said)) = &*last
            && (*at..at.saturating_add(FRESH)).contains(&asked)
        {
            return said.clone();
        }
        let said = if well { answer(tier).await } else { None };
        *last = Some((now(), said.clone()));
        said
    }
}

#[cfg(feature = "_seen")]
async fn answer(tier: &dyn Tier) -> Option<TierState> {
    let answer = tokio::time::timeout(PATIENCE, caught(async { tier.state().await })).await;
    answer.ok()?.ok()
}
