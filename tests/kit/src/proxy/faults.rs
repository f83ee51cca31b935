//! What a proxy does wrong.

use std::time::Duration;

use crate::chance::Chance;

/// All that a proxy is told.
#[derive(Debug, Clone)]
pub(super) struct Faults {
    pub(super) target: u16,
    pub(super) requests: Latency,
    pub(super) replies: Latency,
    pub(super) black_hole: bool,
    pub(super) refuse: bool,
    /// Connections with a lower number are to be reset.
    pub(super) reset_below: u64,
    pub(super) slice: Option<usize>,
    pub(super) cut: Option<u64>,
    /// How often the cut was set: each time, connections count from zero.
    pub(super) cut_set: u64,
    pub(super) bandwidth: Option<u64>,
    pub(super) frames: Option<FrameFaults>,
    pub(super) stopped: bool,
}

impl Faults {
    /// Nothing is wrong.
    pub(super) fn none(target: u16) -> Faults {
        Faults {
            target,
            requests: Latency::default(),
            replies: Latency::default(),
            black_hole: false,
            refuse: false,
            reset_below: 0,
            slice: None,
            cut: None,
            cut_set: 0,
            bandwidth: None,
            frames: None,
            stopped: false,
        }
    }
}

/// A delay in one direction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Latency {
    pub(super) fixed: Duration,
    pub(super) jitter: Duration,
}

impl Latency {
    pub(super) fn draw(self, chance: &mut Chance) -> Duration {
        self.fixed + chance.within(self.jitter)
    }
}

/// What happens to whole replies. At most one of the three happens to each, with these probabilities.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameFaults {
    /// It is not sent.
    pub drop: f64,
    /// It is sent twice.
    pub duplicate: f64,
    /// It is sent after the next one, or 50 ms later when none comes.
    pub reorder: f64,
    /// Which replies are concerned.
    pub which: Frames,
}

/// The replies that frame faults concern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Frames {
    /// Published messages and invalidations, in either version of the protocol. Connections stay in step.
    #[default]
    Pushes,
    /// All of them: a client then takes replies for those of other requests.
    All,
}
