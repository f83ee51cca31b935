//! What a cache keeps of a conversion.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::convert::{Converted, Turned};
use crate::clock::{Millis, millis};
use crate::codec::Octets;
use crate::picture::Format;

/// A conversion without the original: who asks has that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    webp: Option<Octets>,
    original: Format,
    width: u32,
    height: u32,
    life: Millis,
}

impl Stored {
    pub(super) fn new(turned: Turned, life: Duration) -> Self {
        let Turned { webp, original, width, height } = turned;
        Self { webp: webp.map(Octets), original, width, height, life: millis(life) }
    }

    pub(super) const fn life(&self) -> Duration {
        Duration::from_millis(self.life)
    }

    /// With the original that it was asked for with.
    pub(super) fn into_converted(self, picture: Bytes) -> Converted {
        let Self { webp, original, width, height, .. } = self;
        Turned { webp: webp.map(|webp| webp.0), original, width, height }.into_converted(picture.len(), || picture)
    }
}
