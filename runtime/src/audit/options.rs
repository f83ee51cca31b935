//! How much is audited.

use std::time::Duration;

use crate::clock::CENTURY;
use crate::error::{Error, Result};

/// How much is audited, and what is hoped for.
///
/// ```
/// # use cached_runtime::audit::AuditOptions;
/// # use std::time::Duration;
/// let options = AuditOptions::new().each(10_000).bound(Duration::from_secs(5)).objective(0.999);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AuditOptions {
    pub(crate) each: u64,
    pub(crate) bound: Duration,
    pub(crate) objective: f64,
    pub(crate) at_once: usize,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self { each: 1_000, bound: Duration::from_secs(2), objective: 0.9999, at_once: 4 }
    }
}

impl AuditOptions {
    /// One hit in a thousand, four at a time, each given two seconds; four nines are hoped for.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One hit in so many is audited, and one in so many entries that are found invalidated. Each costs the source one more
    /// load; of a function's `rate` audits take half at most. Default: 1,000.
    #[must_use]
    pub fn each(mut self, hits: u64) -> Self {
        self.each = hits;
        self
    }

    /// So long an invalidation may take to reach this node before what it names counts as stale. Default: 2 seconds, which is
    /// what nodes over Redis promise each other at worst.
    #[must_use]
    pub fn bound(mut self, bound: Duration) -> Self {
        self.bound = bound;
        self
    }

    /// The part of audited entries that is hoped to be consistent, from 0 to 1. Below it [`Cache::health`](crate::Cache::health)
    /// warns. Default: 0.9999, four nines.
    #[must_use]
    pub fn objective(mut self, part: f64) -> Self {
        self.objective = part;
        self
    }

    /// So many audits are under way at a time; others are left out. Default: 4.
    #[must_use]
    pub fn at_once(mut self, audits: usize) -> Self {
        self.at_once = audits;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.each == 0 || self.at_once == 0 {
            return Err(Error::config("audit", "`each` and `at_once` must be more than zero"));
        }
        if self.bound > CENTURY {
            return Err(Error::config("audit", "the `bound` is a century at most"));
        }
        if !(0.0..=1.0).contains(&self.objective) {
            return Err(Error::config("audit", "the `objective` is a part, from 0 to 1"));
        }
        Ok(())
    }
}
