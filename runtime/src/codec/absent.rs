//! Without tiers there are no frames.

use std::sync::Arc;

/// An encoded entry, of which there is none.
#[derive(Debug, Clone)]
pub(crate) enum Frame {}

impl Frame {
    /// The tags the entry carries.
    pub(crate) fn shared_tags(&self) -> &Arc<[Arc<str>]> {
        match *self {}
    }
}
