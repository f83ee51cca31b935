//! What a database undid because others stood in the way: it is done again, when those have had their turn.
//!
//! Not at once: who was undone gives its rows free, and who waits for them is only then waked. A statement that is sent
//! again before has them first, and both stand as they stood. So it waits, longer each time and at random, as two that
//! undo each other would meet again (Ethernet's back-off, Metcalfe and Boggs 1976). A statement alone keeps its connection
//! meanwhile; transactions begin anew on any.
//!
//! Only what is undone whole is done again: a procedure, or a table without transactions, may have kept something
//! ([`Write::is_undone_whole`](super::touch::Write::is_undone_whole)).

use std::time::Duration;

use super::failure::cause;
use crate::chance::Chance;
use crate::error::Error;

/// So often is tried in all.
const TURNS: u32 = 6;

/// The longest first wait. Each further one is up to twice as long as the one before: 0.6 s in all.
const WAIT: Duration = Duration::from_millis(20);

/// Was it undone, as by a deadlock, so that it may be done again?
pub(super) fn was_undone(error: &Error) -> bool {
    let told = cause(error).and_then(sqlx::Error::as_database_error);
    told.and_then(sqlx::error::DatabaseError::code).is_some_and(|code| matches!(&*code, "40001" | "40P01"))
}

/// The turns of something that may be undone.
pub(super) struct Turns {
    chance: Chance,
    taken: u32,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { chance: Chance::unknown(), taken: 1 }
    }

    /// Waits until others have had their turn. False if there is none left.
    pub(super) async fn next(&mut self) -> bool {
        let Some(wait) = self.wait() else { return false };
        tokio::time::sleep(wait).await;
        true
    }

    fn wait(&mut self) -> Option<Duration> {
        if self.taken == TURNS {
            return None;
        }
        let most = WAIT * 2_u32.pow(self.taken - 1);
        self.taken += 1;
        Some(self.chance.between(most / 2, most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_and_are_no_two_alike() {
        let (mut one, mut other) = (Turns::new(), Turns::new());
        let waits = |turns: &mut Turns| std::iter::from_fn(|| turns.wait()).collect::<Vec<_>>();
        let (one, other) = (waits(&mut one), waits(&mut other));
        assert_eq!(one.len(), TURNS as usize - 1);
        assert!(one.is_sorted(), "{one:?}");
        assert!(one[0] >= WAIT / 2 && one.iter().sum::<Duration>() <= WAIT * 31, "{one:?}");
        assert_ne!(one, other);
    }
}
