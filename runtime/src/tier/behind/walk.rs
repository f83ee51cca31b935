//! Walks over all that a tier holds, asked for by hand.

use super::Behind;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::tier::call::caught;
use crate::tier::{Cleared, Step};

/// So many frames go in one step of emptying a tier: a step takes a server about a millisecond.
const CLEARED: usize = 512;

impl Behind {
    /// Removes all that the tier holds now, also what a newer version wrote; says how much it was. Nothing is
    /// invalidated. Upkeep, and whatever else the tier is asked, takes its turn between the steps.
    ///
    /// # Errors
    /// What the tier answers; what was removed by then is gone.
    pub(crate) async fn clear(&self) -> Result<u64> {
        let shared = &*self.0.0;
        let (mut removed, mut after) = (0, None);
        loop {
            let step = async {
                let _walking = shared.walking.lock().await;
                shared.tier.clear(after.as_deref(), CLEARED).await
            };
            let Cleared { removed: gone, next } = caught(step).await?;
            removed += gone;
            if next.is_none() {
                return Ok(removed);
            }
            if gone == 0 && next == after {
                return Err(Error::new(ErrorKind::Tier, "the tier says that it is not empty, and removes nothing"));
            }
            after = next;
            tokio::task::yield_now().await;
        }
    }

    /// Removes what may not be used any more in a whole walk over the tier; says how much it was.
    ///
    /// # Errors
    /// What the tier answers.
    pub(crate) async fn sweep(&self) -> Result<u64> {
        let shared = &*self.0.0;
        let keep = |frame: &Frame| shared.valid(frame);
        let (mut removed, mut rounds) = (0, 0);
        // The first walk may have begun in the middle.
        while rounds < 2 {
            let step = Step {
                entries: shared.options.tidy_entries,
                now: shared.options.clock.now(),
                keep: &keep,
                forget: None,
            };
            let walk = async {
                let _walking = shared.walking.lock().await;
                shared.tier.tidy(step).await
            };
            let tidied = caught(walk).await?;
            removed += tidied.removed as u64;
            rounds += u32::from(tidied.wrapped);
            tokio::task::yield_now().await;
        }
        Ok(removed)
    }
}
