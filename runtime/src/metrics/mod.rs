//! Metrics: what was counted, for the `metrics` facade, for Prometheus and for OpenTelemetry, from one table.
//!
//! Nothing is published on the way of a call: counters are read when somebody asks, so a hit costs no more for it. Labels are few
//! and bounded: names of sites, up to 256 of them (those that are met first; the others together are `other`), of tiers, and words that
//! stand in the table. Keys, tags and values never are labels.
//!
#![cfg_attr(
    feature = "prometheus",
    doc = r#"
```
use cached_runtime::Cache;
use cached_runtime::metrics::Prometheus;

# fn main() -> cached_runtime::Result<()> {
let cache = Cache::builder().build()?;
// Answer `GET /metrics` with this; the admin API does.
let prometheus = Prometheus::new(&cache);
assert!(prometheus.render().contains("cached_near_capacity_bytes 67108864"));
# Ok(())
# }
```
"#
)]
//!
#![doc = include_str!("METRICS.md")]

#[cfg(feature = "metrics")]
mod facade;
#[cfg(feature = "opentelemetry")]
mod otel;
#[cfg(feature = "prometheus")]
mod prometheus;
mod samples;
mod table;

#[cfg(feature = "prometheus")]
pub use prometheus::Prometheus;
pub use table::table;
