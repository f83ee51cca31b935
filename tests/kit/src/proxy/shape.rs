//! The packets that the replies of one connection are sent in.

use std::time::Duration;

use super::faults::Faults;

/// How many packets a second a limited bandwidth is made of.
const PACKETS: u64 = 50;

/// How much of a connection's cut is used up.
#[derive(Debug, Default)]
pub(super) struct Shape {
    sent: u64,
    cut_set: u64,
}

impl Shape {
    /// How many of the bytes that are left go out together, and how long to rest afterwards.
    pub(super) fn next(&mut self, faults: &Faults, left: usize) -> (usize, Duration) {
        if self.cut_set != faults.cut_set {
            *self = Shape { sent: 0, cut_set: faults.cut_set };
        }
        let slice = faults.slice.unwrap_or(usize::MAX);
        let share = faults.bandwidth.map_or(usize::MAX, |rate| (rate / PACKETS).max(1) as usize);
        let uncut = faults.cut.map_or(usize::MAX, |cut| cut.saturating_sub(self.sent) as usize);
        let size = left.min(slice).min(share).min(uncut);
        self.sent += size as u64;
        let pause = faults.bandwidth.map_or(0.0, |rate| size as f64 / rate as f64);
        (size, Duration::from_secs_f64(pause))
    }

    /// Whether the connection is to be closed now.
    pub(super) fn is_cut(&self, faults: &Faults) -> bool {
        self.cut_set == faults.cut_set && faults.cut.is_some_and(|cut| self.sent >= cut)
    }
}
