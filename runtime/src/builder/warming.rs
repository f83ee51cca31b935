//! What warm-ups of this cache do, if nothing else is said to them.

use std::time::Duration;

use super::Builder;
use crate::clock::millis;

impl Builder {
    /// Do jobs of `#[warmup(on_start)]` run when a warm-up begins? Those with times of their own run anyway, and any by
    /// [`Warmer::run_job`](crate::Warmer::run_job). Default: yes.
    pub fn warmup_on_startup(mut self, on_startup: bool) -> Self {
        self.settings.warming.at_start = on_startup;
        self
    }

    /// Are functions warmed for what is asked of them most (`#[warmup(hot = ..)]`), and is that kept from one process to
    /// the next? Without it there are no such jobs. Default: yes.
    pub fn smart_warmup(mut self, smart: bool) -> Self {
        self.settings.warming.smart = smart;
        self
    }

    /// How many jobs run at a time at the start of a warm-up, at least one; see
    /// [`Warmup::at_once`](crate::Warmup::at_once). Default: 4.
    pub fn warmup_at_once(mut self, jobs: usize) -> Self {
        self.settings.warming.at_once = jobs.max(1);
        self
    }

    /// How often a warm-up may ask sources; see [`Warmup::loads`](crate::Warmup::loads). Default: without a limit.
    pub fn warmup_loads(mut self, loads: u64) -> Self {
        self.settings.warming.loads = Some(loads);
        self
    }

    /// After how many bytes a warm-up begins no further call; see [`Warmup::bytes`](crate::Warmup::bytes). Default:
    /// without a limit.
    pub fn warmup_bytes(mut self, bytes: u64) -> Self {
        self.settings.warming.bytes = Some(bytes);
        self
    }

    /// After how long a warm-up begins no further call at the start; see [`Warmup::time`](crate::Warmup::time). Default:
    /// without a limit.
    pub fn warmup_time(mut self, time: Duration) -> Self {
        self.settings.warming.time = Some(millis(time));
        self
    }
}
