//! What a cache did, asked for at once.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use crate::cache::Cache;
use crate::shelf::Counted;
#[cfg(feature = "response")]
use crate::stats::ResponseCounts;
use crate::stats::{ResponseStats, SharedStats, SiteStats, Stats};

impl Cache {
    /// What the cache did since it was built.
    #[must_use]
    pub fn stats(&self) -> Stats {
        #[cfg(feature = "tiers")]
        for name in
            self.0.settings.compress.unmet(|| crate::site::linked().flat_map(|site| [site.name(), site.namespace()]))
        {
            tracing::warn!(name, "`compress_site` names a site or a namespace that nothing has had so far");
        }
        let mut sites = SiteStats::by_name(self.0.counted.lock().iter().map(Counted::snapshot));
        sites.sort_by_key(|site| std::cmp::Reverse(site.hits + site.misses));
        Stats {
            sites,
            tiers: self.0.stack.stats(),
            invalidations: self.0.invalidations.load(Relaxed),
            denied: self.0.denials.count(),
            near_bytes: self.0.balance.weight(),
            near_capacity: self.0.balance.budget(),
            shared: self.shared(),
            responses: self.responses(),
        }
    }

    /// What is known of the log that this node shares with others; `None` if there is none.
    #[must_use]
    pub fn shared(&self) -> Option<SharedStats> {
        self.0.stack.shared_stats(&self.0.log, self.clock())
    }

    #[cfg(feature = "response")]
    fn responses(&self) -> BTreeMap<String, ResponseStats> {
        let namespaces = self.0.namespaces.lock();
        let counted = namespaces.iter().filter_map(|(name, beside)| {
            let counts = beside.iter().find_map(|any| any.downcast_ref::<ResponseCounts>())?;
            Some((name.clone(), counts.snapshot()))
        });
        counted.collect()
    }

    #[cfg(not(feature = "response"))]
    #[allow(clippy::unused_self, reason = "there is nobody who counts")]
    const fn responses(&self) -> BTreeMap<String, ResponseStats> {
        BTreeMap::new()
    }
}
