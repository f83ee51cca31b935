//! Emptying a tier: what is there goes, whatever it is, a few frames at a time.
//!
//! That is always allowed: the log says what is valid, and a frame that is missing is loaded. What is remembered of the
//! log, leases and notes are no frames, and stay.

use super::{Step, Tier};
use crate::error::{Error, ErrorKind, Result};

/// After so many rounds of upkeep a tier without a way of its own is empty: upkeep of others may step over some entries
/// in each of them.
const ROUNDS: u64 = 8;

/// What one step of emptying a tier did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Frames that were removed.
    pub removed: u64,
    /// What the next step is to be told, in the tier's own words; nothing when all is gone that was there at the first.
    pub next: Option<String>,
}

impl Cleared {
    /// This many frames were removed, and there may be more.
    pub(super) fn so_far(removed: u64, next: String) -> Self {
        Self { removed, next: Some(next) }
    }

    /// This many, and that was all.
    pub(super) const fn all(removed: u64) -> Self {
        Self { removed, next: None }
    }
}

/// The numbers that the step before said; nothing at the first.
pub(super) fn told<const N: usize>(after: Option<&str>) -> Result<Option<[u64; N]>> {
    let Some(text) = after else { return Ok(None) };
    let numbers: Vec<u64> = text.split(' ').map_while(|number| number.parse().ok()).collect();
    let strange =
        || Error::new(ErrorKind::Tier, "the step before said something else; empty the tier from the beginning");
    numbers.try_into().map(Some).map_err(|_| strange())
}

/// Empties a tier by its upkeep, which is told that nothing stays. What a newer version of this crate wrote may stay.
pub(super) async fn by_upkeep<T: Tier + ?Sized>(tier: &T, after: Option<&str>, most: usize) -> Result<Cleared> {
    let [rounds, steps] = told(after)?.unwrap_or_default();
    let step = Step { entries: most.max(1), now: 0, keep: &|_| false, forget: None };
    let tidied = tier.tidy(step).await?;
    let rounds = rounds + u64::from(tidied.wrapped);
    let removed = tidied.removed as u64;
    // The first round may have begun in the middle.
    let over = tidied.wrapped && rounds > 1 && tidied.entries == 0;
    if over || rounds >= ROUNDS {
        return Ok(Cleared::all(removed));
    }
    Ok(Cleared::so_far(removed, format!("{rounds} {}", steps + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_tier_said_is_refused() {
        assert_eq!(told::<2>(None).expect("nothing said"), None);
        assert_eq!(told::<2>(Some("3 17")).expect("two numbers"), Some([3, 17]));
        for strange in ["", "3", "3 17 4", "3 x", "-1 2", "3  17"] {
            assert!(told::<2>(Some(strange)).is_err(), "{strange:?}");
        }
    }
}
