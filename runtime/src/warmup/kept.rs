//! Where it is kept what functions were asked for: in the tiers of their cache, as entries are.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crate::accesses::{Hour, Recent};
use crate::cache::Cache;
use crate::error::Result;
use crate::load::Unknown;
use crate::namespace::{Namespace, SetOptions};

/// Of what was asked for longer ago nothing is left worth knowing.
const RECENT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The days of which something is known.
const DAYS: Duration = Duration::from_secs(30 * 24 * 3_600);
/// What a key takes beside its text, as it is stored.
const BESIDE: usize = 24;

/// What is kept of each site.
#[derive(Debug)]
pub(super) struct Kept {
    recents: Namespace<Recent>,
    hours: Namespace<Hour>,
    /// Half of what a value may take.
    room: usize,
    warned: AtomicBool,
}

impl Kept {
    pub(super) fn new(cache: &Cache) -> Result<Self> {
        let name = "cached.hot";
        let (recents, hours) = (Namespace::open(cache, name)?, Namespace::open(cache, name)?);
        Ok(Self { recents, hours, room: cache.0.settings.codec.max_value / 2, warned: AtomicBool::new(false) })
    }

    /// What was asked for lately; an error where a tier that may know it cannot be asked.
    pub(super) async fn recent(&self, site: &str) -> std::result::Result<Option<Recent>, Unknown> {
        self.recents.get_below((site, "recent")).await
    }

    pub(super) fn keep_recent(&self, site: &str, mut recent: Recent) {
        let fits = self.fitting(site, recent.keys.iter().map(|(text, _)| text));
        recent.keys.truncate(fits);
        self.recents.set_with((site, "recent"), recent, SetOptions::new().ttl(RECENT));
    }

    /// What was asked for at this hour of the day; an error as with what was lately.
    pub(super) async fn hour(&self, site: &str, hour: u8) -> std::result::Result<Option<Hour>, Unknown> {
        self.hours.get_below((site, u16::from(hour))).await
    }

    pub(super) fn keep_hour(&self, site: &str, hour: u8, mut counts: Hour) {
        let fits = self.fitting(site, counts.keys.iter().map(|(text, _, _)| text));
        counts.keys.truncate(fits);
        self.hours.set_with((site, u16::from(hour)), counts, SetOptions::new().ttl(DAYS));
    }

    /// How many of these, the hottest first, there is room for: what is too large for a tier would not be kept at all.
    fn fitting<'a>(&self, site: &str, texts: impl Iterator<Item = &'a String>) -> usize {
        let (mut taken, mut fits) = (0, 0);
        for text in texts {
            taken += text.len() + BESIDE;
            if taken > self.room {
                if !self.warned.swap(true, Relaxed) {
                    tracing::warn!(
                        site,
                        kept = fits,
                        "not all hot keys can be kept: raise `max_value`, or lower `hot`"
                    );
                }
                break;
            }
            fits += 1;
        }
        fits
    }
}
