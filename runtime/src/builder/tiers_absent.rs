//! Without tiers there is nothing to set and nothing to open.

use std::sync::Arc;

use super::Builder;
use crate::chance::Chance;
use crate::error::Result;
use crate::group::Recall;
use crate::log::Log;
use crate::stack::Stack;

/// No tiers.
#[derive(Default)]
pub(super) struct Tiers {}

impl Builder {
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "with tiers there is something to check")]
    pub(super) fn check_tiers(&self) -> Result<()> {
        Ok(())
    }

    /// The log begins anew with every process.
    pub(super) fn stack_and_log(&mut self) -> Result<(Stack, Arc<Log>)> {
        let Tiers {} = self.tiers;
        let chance = self.settings.seed.map_or_else(Chance::unknown, Chance::new);
        let log = Log::resume(&Recall::default(), chance.next() | 1, self.settings.groups, false);
        Ok((Stack::default(), Arc::new(log)))
    }
}
