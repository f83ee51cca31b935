//! Where it is kept what functions were asked for: in the tiers of their cache, as entries are.

use std::time::Duration;

use crate::accesses::{Hour, Recent};
use crate::cache::Cache;
use crate::error::Result;
use crate::namespace::{Namespace, SetOptions};

/// Of what was asked for longer ago nothing is left worth knowing.
const RECENT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The days of which something is known.
const DAYS: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What is kept of each site.
#[derive(Debug)]
pub(super) struct Kept {
    recents: Namespace<Recent>,
    hours: Namespace<Hour>,
}

impl Kept {
    pub(super) fn new(cache: &Cache) -> Result<Self> {
        let name = "cached.hot";
        Ok(Self { recents: Namespace::open(cache, name)?, hours: Namespace::open(cache, name)? })
    }

    pub(super) async fn recent(&self, site: &str) -> Option<Recent> {
        self.recents.get_below((site, "recent")).await
    }

    pub(super) fn keep_recent(&self, site: &str, recent: Recent) {
        self.recents.set_with((site, "recent"), recent, SetOptions::new().ttl(RECENT));
    }

    pub(super) async fn hour(&self, site: &str, hour: u8) -> Option<Hour> {
        self.hours.get_below((site, u16::from(hour))).await
    }

    pub(super) fn keep_hour(&self, site: &str, hour: u8, counts: Hour) {
        self.hours.set_with((site, u16::from(hour)), counts, SetOptions::new().ttl(DAYS));
    }
}
