//! The text that Prometheus scrapes.

use std::fmt;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::cache::Cache;

/// What every metric of one cache says, as text for Prometheus.
///
/// A recorder of its own: others that the program has installed do not matter to it, and it does not to them. Needs feature
/// `prometheus`.
pub struct Prometheus {
    cache: Cache,
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Prometheus {
    /// For this cache.
    #[must_use]
    pub fn new(cache: &Cache) -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        ::metrics::with_local_recorder(&recorder, Cache::describe_metrics);
        let handle = recorder.handle();
        Self { cache: cache.clone(), recorder, handle }
    }

    /// The text, in the format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        ::metrics::with_local_recorder(&self.recorder, || self.cache.record_metrics());
        self.handle.render()
    }
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prometheus")
    }
}
