//! Where it is kept what functions were asked for: in the process, without tiers.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::accesses::{Hour, Recent};
use crate::cache::Cache;
use crate::error::Result;
use crate::load::Unknown;

/// What is kept of each site. What was asked lately, its log knows itself.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<(String, u8), Hour>>);

#[allow(clippy::unused_async, reason = "as with tiers")]
impl Kept {
    #[allow(clippy::unnecessary_wraps, reason = "as with tiers")]
    pub(super) fn new(_: &Cache) -> Result<Self> {
        Ok(Self::default())
    }

    pub(super) async fn recent(&self, _: &str) -> std::result::Result<Option<Recent>, Unknown> {
        Ok(None)
    }

    pub(super) fn keep_recent(&self, _: &str, _: Recent) {}

    pub(super) async fn hour(&self, site: &str, hour: u8) -> std::result::Result<Option<Hour>, Unknown> {
        Ok(self.0.lock().get(&(site.to_owned(), hour)).cloned())
    }

    pub(super) fn keep_hour(&self, site: &str, hour: u8, counts: Hour) {
        self.0.lock().insert((site.to_owned(), hour), counts);
    }
}
