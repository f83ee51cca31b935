//! What a server could answer, given to every reader of this tier. For tests of hostile answers.

use redis::Value;

use super::append::number_of;
use super::{line, log, state, sweep};

/// How many readers make something of this answer.
#[must_use]
pub fn understood(answer: &Value) -> usize {
    let numbers = usize::from(number_of(answer).is_some());
    numbers
        + log::understood(answer)
        + usize::from(sweep::read_scan(answer).is_some())
        + line::understood(answer)
        + state::understood(answer)
}
