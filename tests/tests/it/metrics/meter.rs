//! A meter of OpenTelemetry, and what it has exported.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cached_runtime::Cache;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics, ScopeMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{MeterProviderBuilder, PeriodicReader, SdkMeterProvider, Temporality};

/// An instrument as it was exported.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exported {
    pub(super) unit: String,
    pub(super) about: String,
    /// Does it only grow?
    pub(super) is_counter: bool,
    /// By labels in the order of their names; a second one with the same labels is in `twice`.
    pub(super) points: BTreeMap<Vec<(String, String)>, f64>,
    pub(super) twice: usize,
}

pub(super) type Instruments = BTreeMap<String, Exported>;

/// A meter that exports when it is told to.
pub(super) struct Meter {
    provider: SdkMeterProvider,
    kept: Kept,
}

/// What was exported last.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Instruments>>);

impl Meter {
    pub(super) fn of(cache: &Cache) -> Self {
        let (provider, kept) = built(1);
        cache.observe_metrics(&provider.meter("cached"));
        Self { provider, kept: kept.into_iter().next().unwrap() }
    }

    /// One meter that several read, and what each was told.
    pub(super) fn read_twice(cache: &Cache) -> [Instruments; 2] {
        let (provider, kept) = built(2);
        cache.observe_metrics(&provider.meter("cached"));
        provider.force_flush().unwrap();
        [0, 1].map(|reader| kept[reader].take())
    }

    /// Collects, and answers with what was exported.
    pub(super) fn collect(&self) -> Instruments {
        self.kept.take();
        self.provider.force_flush().unwrap();
        self.kept.take()
    }
}

fn built(readers: usize) -> (SdkMeterProvider, Vec<Kept>) {
    let kept: Vec<Kept> = (0..readers).map(|_| Kept::default()).collect();
    let reader = |kept: &Kept| PeriodicReader::builder(kept.clone()).with_interval(Duration::from_secs(86_400)).build();
    let builder = SdkMeterProvider::builder();
    let provider = kept.iter().map(reader).fold(builder, MeterProviderBuilder::with_reader).build();
    (provider, kept)
}

impl Kept {
    fn take(&self) -> Instruments {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Exported {
    fn add<'a, T: Copy>(&mut self, of: impl Fn(T) -> f64, points: impl Iterator<Item = (Vec<&'a KeyValue>, T)>) {
        for (labels, value) in points {
            let mut labels: Vec<(String, String)> =
                labels.iter().map(|label| (label.key.to_string(), label.value.to_string())).collect();
            labels.sort();
            self.twice += usize::from(self.points.insert(labels, of(value)).is_some());
        }
    }
}

impl PushMetricExporter for Kept {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut kept = self.0.lock().unwrap();
        for metric in metrics.scope_metrics().flat_map(ScopeMetrics::metrics) {
            let exported = kept.entry(metric.name().to_owned()).or_default();
            metric.unit().clone_into(&mut exported.unit);
            metric.description().clone_into(&mut exported.about);
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    exported.is_counter = sum.is_monotonic() && sum.temporality() == Temporality::Cumulative;
                    let points = sum.data_points().map(|point| (point.attributes().collect(), point.value()));
                    exported.add(|value| value as f64, points);
                }
                AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                    let points = gauge.data_points().map(|point| (point.attributes().collect(), point.value()));
                    exported.add(|value| value, points);
                }
                other => panic!("{} is of no kind of ours: {other:?}", metric.name()),
            }
        }
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
