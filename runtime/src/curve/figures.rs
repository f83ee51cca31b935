//! What is said of a curve.

use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::records::SIZES;
use super::simulation::{FACTORS, PRESENT, Simulation};
use super::window::Seen;

/// A miniature with room for fewer keys than this says nothing.
const TOO_SMALL: f64 = 10.0;

/// How often a site would miss with more memory or with less: its miss-ratio curve, estimated.
///
/// A few of the site's keys are played in miniature caches of the same policy, for seven sizes from an eighth of the
/// present capacity to eight times as much (Waldspurger, Saemundsson, Ahmad and Park, "Cache Modeling and Optimization
/// using Miniature Simulations", ATC '17; keys are chosen by their hash as in Waldspurger, Park, Garthwaite and Ahmad,
/// "Efficient MRC Construction with SHARDS", FAST '15). Misses that no memory removes are in all sizes: first calls,
/// values past their ttl, what was invalidated.
///
/// All is of the last minutes: what was counted fades by half every ten minutes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Curve {
    /// The sizes, the smallest first. A size for which too few keys are sampled is left out.
    pub points: Vec<CurvePoint>,
    /// Bytes that the site may hold now.
    pub capacity: u64,
    /// The part of all keys that is played for the present capacity, from 0 to 1.
    pub rate: f64,
    /// Keys that are known now.
    pub sampled: u64,
    /// Calls of the window, all keys together, each counted for as much as it still weighs.
    pub references: f64,
    /// The miss ratio that was measured in the window.
    pub measured: f64,
    /// The miss ratio that the miniature of the present capacity has by itself. All points are scaled by the same, so
    /// that this one is what was measured; a curve whose own estimate is far from the measured ratio is made of too few
    /// keys.
    pub estimated: f64,
    /// Notes that were lost since the start, because two threads came at once.
    pub lost: u64,
    /// Bytes that the curve itself takes.
    pub bytes: usize,
}

/// One size of a [`Curve`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CurvePoint {
    /// Bytes that the site may hold.
    pub bytes: u64,
    /// Misses out of all calls, from 0 to 1.
    ///
    /// Not forced to fall with the size: some policies miss more in a larger cache for some calls (Belady's anomaly),
    /// and an estimate goes up and down.
    pub miss_ratio: f64,
}

impl Curve {
    pub(super) fn of(simulation: &Simulation, seen: Seen, lost: u64, bytes: usize) -> Self {
        let part = |misses: f64| if seen.calls > 0.0 { misses / seen.calls } else { 0.0 };
        let (missed, measured) = (&simulation.missed, part(seen.misses));
        let point = |at: usize| {
            let (of, present) = (missed.of[at], missed.present[at]);
            // What is sampled may miss more often than the rest, or less: all sizes alike.
            let ratio = if present > 0.0 && measured > 0.0 { measured * of / present } else { part(of) };
            let bytes = (simulation.capacity() as f64 * FACTORS[at]) as u64;
            CurvePoint { bytes, miss_ratio: ratio.clamp(0.0, 1.0) }
        };
        let weight = f64::from(simulation.records.mean_weight().unwrap_or(1).max(1));
        let says = |at: &usize| simulation.mini(*at).bytes() as f64 >= TOO_SMALL * weight;
        Self {
            points: if seen.calls > 0.0 { (0..SIZES).filter(says).map(point).collect() } else { Vec::new() },
            capacity: simulation.capacity(),
            rate: 0.5_f64.powi(simulation.levels()[PRESENT].into()),
            sampled: simulation.records.len() as u64,
            references: seen.calls,
            measured,
            estimated: part(missed.of[PRESENT]),
            lost,
            bytes,
        }
    }

    /// The miss ratio expected with so many bytes: between two sizes, on the line between them, by the logarithm of the
    /// size. `None` outside of the sizes that were tried.
    #[must_use]
    pub fn at(&self, bytes: u64) -> Option<f64> {
        let next = self.points.iter().position(|point| point.bytes >= bytes)?;
        let above = self.points[next];
        if above.bytes == bytes {
            return Some(above.miss_ratio);
        }
        let below = self.points.get(next.checked_sub(1)?)?;
        let log = |bytes: u64| (bytes.max(1) as f64).ln();
        let along = (log(bytes) - log(below.bytes)) / (log(above.bytes) - log(below.bytes));
        Some(below.miss_ratio + (above.miss_ratio - below.miss_ratio) * along)
    }
}

/// Written out: the base has serde without what derives.
impl Serialize for Curve {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Curve", 9)?;
        out.serialize_field("points", &self.points)?;
        out.serialize_field("capacity", &self.capacity)?;
        out.serialize_field("rate", &self.rate)?;
        out.serialize_field("sampled", &self.sampled)?;
        out.serialize_field("references", &self.references)?;
        out.serialize_field("measured", &self.measured)?;
        out.serialize_field("estimated", &self.estimated)?;
        out.serialize_field("lost", &self.lost)?;
        out.serialize_field("bytes", &self.bytes)?;
        out.end()
    }
}

impl Serialize for CurvePoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("CurvePoint", 2)?;
        out.serialize_field("bytes", &self.bytes)?;
        out.serialize_field("miss_ratio", &self.miss_ratio)?;
        out.end()
    }
}
