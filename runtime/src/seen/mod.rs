//! What is seen of a running cache: its sites, how quick they are, what is asked for most, and why a key is a hit or a miss.
//!
//! All of it is read at leisure, by people and dashboards: nothing here is on the way of a call, and what calls have to note for
//! it they note on misses and on a few hits. Needs feature `http`, `metrics` or `opentelemetry`.

mod chronicle;
mod explain;
mod graph;
mod health;
mod patterns;
mod performance;
mod sites;
mod tiers;
mod value;

pub(crate) use chronicle::Chronicle;
pub use chronicle::{DailyPattern, HourOfDay, Moment, SiteHours, TierMoment};
pub use explain::{Explanation, Invalidated, NearLook, TierLook};
pub use graph::{Edge, Graph, Writer};
pub use health::{Health, Warning};
pub use patterns::{AccessPatterns, AskedKey, MissedSite};
pub use performance::{Latencies, Performance, SitePerformance, SlowLoad, TierPerformance};
pub use sites::{PolicyView, SiteView};
pub use tiers::TierView;
#[cfg(feature = "http")]
pub(crate) use tiers::warnings as tier_warnings;
pub use value::ShownValue;
