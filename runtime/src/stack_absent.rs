//! Without tiers the stack below near is empty, and the compiler knows it.

use std::time::Duration;

use crate::applied::{Applied, Flushed};
use crate::clock::Clock;
use crate::codec::Frame;
use crate::group::Record;
use crate::key::Key;
use crate::log::Log;
use crate::stats::{LevelStats, SharedStats};

/// No tiers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stack {}

/// What reading down finds: nothing ever does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Down {}

impl Stack {
    pub(crate) fn is_empty(self) -> bool {
        true
    }

    pub(crate) async fn read(self, _: &[Key], _: u64) -> Vec<Down> {
        Vec::new()
    }

    pub(crate) fn write(self, frame: &Frame) -> bool {
        match *frame {}
    }

    pub(crate) async fn apply(self, _: &[Record]) -> Applied {
        Applied::Applied
    }

    pub(crate) fn apply_blocking(self, _: &[Record]) -> Applied {
        Applied::Applied
    }

    pub(crate) fn queue(self, _: &[Record]) {}

    pub(crate) async fn flush(self, _: Duration) -> Flushed {
        Flushed::default()
    }

    pub(crate) async fn shutdown(self, _: Duration) -> Flushed {
        Flushed::default()
    }

    pub(crate) fn stats(self) -> Vec<LevelStats> {
        Vec::new()
    }

    pub(crate) fn shared_stats(self, _: &Log, _: &Clock) -> Option<SharedStats> {
        None
    }
}
