//! Instruments of OpenTelemetry.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use parking_lot::Mutex;

use super::samples::Figures;
use super::table::{Kind, METRICS, Metric, Unit};
use crate::cache::{Cache, Core};

/// The figures of one collection.
struct Read {
    /// A meter does not forget whom it asks: the cache is not kept for its sake.
    core: Weak<Core>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    figures: Option<Arc<Figures>>,
    /// The metrics that were told these figures.
    told: HashSet<&'static str>,
}

impl Read {
    /// A reader asks each instrument once in a collection: who asks for the second time begins the next.
    fn figures(&self, metric: &'static Metric) -> Option<Arc<Figures>> {
        let mut last = self.last.lock();
        let Some(core) = self.core.upgrade() else {
            *last = Last::default();
            return None;
        };
        if !last.told.insert(metric.name) {
            *last = Last { figures: None, told: HashSet::from([metric.name]) };
        }
        let read = || Arc::new(Figures::of(&Cache(core)));
        Some(Arc::clone(last.figures.get_or_insert_with(read)))
    }

    fn observe(&self, metric: &'static Metric, each: impl Fn(f64, &[KeyValue])) {
        let Some(figures) = self.figures(metric) else { return };
        for sample in figures.samples(metric) {
            let labels: Vec<KeyValue> =
                sample.labels.into_iter().map(|(name, value)| KeyValue::new(name, value)).collect();
            each(sample.value, &labels);
        }
    }
}

impl Cache {
    /// Makes an observable instrument of each metric; the meter's reader asks them when it collects. Their names are those of
    /// the table, counters without `_total`, their units those that the names say. Needs feature `opentelemetry`.
    ///
    /// The meter keeps no cache: once this handle and its clones are gone, nothing is observed any more. The handle of an
    /// installed cache stays.
    ///
    /// Cost: the statistics of all sites once a collection; nothing on a call's way.
    pub fn observe_metrics(&self, meter: &Meter) {
        let read = Arc::new(Read { core: Arc::downgrade(&self.0), last: Mutex::default() });
        for metric in METRICS {
            let read = Arc::clone(&read);
            let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
            let unit = metric.unit().map_or("", Unit::symbol);
            match metric.kind {
                Kind::Counter => {
                    let tell = move |out: &dyn AsyncInstrument<u64>| {
                        read.observe(metric, |value, labels| out.observe(value as u64, labels));
                    };
                    let counter = meter.u64_observable_counter(name).with_description(metric.about).with_unit(unit);
                    counter.with_callback(tell).build();
                }
                Kind::Gauge => {
                    let tell = move |out: &dyn AsyncInstrument<f64>| {
                        read.observe(metric, |value, labels| out.observe(value, labels));
                    };
                    let gauge = meter.f64_observable_gauge(name).with_description(metric.about).with_unit(unit);
                    gauge.with_callback(tell).build();
                }
            }
        }
    }
}
