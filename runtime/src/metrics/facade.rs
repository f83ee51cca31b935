//! The `metrics` facade: whatever recorder the program has installed.

use ::metrics::Label;

use super::samples::Figures;
use super::table::{Kind, METRICS, Unit};
use crate::cache::Cache;

impl Cache {
    /// Tells the recorder of the `metrics` facade what every metric says now: the one that is installed, or that of
    /// [`metrics::with_local_recorder`]. Call it before each export, or every few seconds. Needs feature `metrics`.
    ///
    /// Cost: the statistics of all sites, and one registration for each metric of each site.
    pub fn record_metrics(&self) {
        for (metric, samples) in Figures::of(self).all() {
            for sample in samples {
                let labels: Vec<Label> =
                    sample.labels.into_iter().map(|(name, value)| Label::new(name, value)).collect();
                match metric.kind {
                    // A part of one is not lost: it counts once it is whole.
                    Kind::Counter => ::metrics::counter!(metric.name, labels).absolute(sample.value as u64),
                    Kind::Gauge => ::metrics::gauge!(metric.name, labels).set(sample.value),
                }
            }
        }
    }

    /// Tells the recorder what each metric is about. Once, when it was installed. Needs feature `metrics`.
    pub fn describe_metrics() {
        for metric in METRICS {
            let unit = match metric.unit() {
                Some(Unit::Bytes) => ::metrics::Unit::Bytes,
                Some(Unit::Milliseconds) => ::metrics::Unit::Milliseconds,
                Some(Unit::Seconds) => ::metrics::Unit::Seconds,
                None => ::metrics::Unit::Count,
            };
            match metric.kind {
                Kind::Counter => ::metrics::describe_counter!(metric.name, unit, metric.about),
                Kind::Gauge => ::metrics::describe_gauge!(metric.name, unit, metric.about),
            }
        }
    }
}
