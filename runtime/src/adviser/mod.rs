//! What is unsafe, contradictory or without effect in how a cache is set up: found at the start, before it is met.

mod advice;
mod memory;
mod sites;
#[cfg(test)]
mod tests;
mod whole;

pub use advice::{Advice, Severity};

use crate::cache::Cache;
use crate::site;
use sites::Subject;
use whole::Whole;

impl Cache {
    /// What is unsafe, contradictory or without effect in how this cache and the program's functions are set up, the
    /// gravest first. What cannot work at all is an error of [`Builder::build`](crate::Builder::build) instead.
    ///
    /// It knows what is said: attributes, settings, what was tuned since. It asks no tier. Installing a cache logs what is
    /// more than a hint, once. Cost: a look at every function, and at the size of the machine's memory.
    ///
    /// ```
    /// use cached_runtime::Cache;
    /// use cached_runtime::adviser::Severity;
    ///
    /// let cache = Cache::builder().near_bytes(1 << 60).build()?;
    /// let advice = cache.advise();
    /// assert!(advice.iter().any(|advice| advice.id == "near-over-memory" && advice.severity == Severity::Danger));
    /// # Ok::<(), cached_runtime::Error>(())
    /// ```
    #[must_use]
    pub fn advise(&self) -> Vec<Advice> {
        let whole = Whole::of(self);
        let settings = &self.0.settings;
        // One that says itself which cache serves it is not this one's, as far as is known.
        let ours: Vec<Subject> =
            site::linked().filter(|site| !site.declared().apart).map(|site| Subject::of(site, settings)).collect();
        let mut advice = whole.advise();
        advice.extend(sites::together(&ours));
        advice.extend(ours.iter().flat_map(|site| site.advise(&whole)));
        advice.extend(site::linked().filter(|site| site.declared().apart).filter_map(|site| whole.advise_apart(site)));
        #[cfg(feature = "_seen")]
        advice.extend(sites::tags_of_nobody(&Self::invalidation_graph().unreached, site::linked()));
        advice.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| (a.id, &a.site).cmp(&(b.id, &b.site))));
        advice.dedup();
        advice
    }

    /// Says in the log what is more than a hint, where anybody listens.
    pub(crate) fn log_advice(&self) {
        if !tracing::enabled!(tracing::Level::WARN) {
            return;
        }
        for Advice { id, severity, site, message, remedy } in self.advise() {
            if severity > Severity::Hint {
                tracing::warn!(id, site, "{message}; {remedy}");
            }
        }
    }
}
