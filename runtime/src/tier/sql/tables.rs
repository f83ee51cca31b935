//! The names of the tables.

use std::sync::Arc;

use crate::error::{Error, Result};

/// Longest prefix of the tables' names, in bytes: with what follows it fits the shortest limit of all databases.
const LONGEST: usize = 48;

/// The tables' common prefix, checked: names cannot be parameters, so nothing but these letters gets into a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tables(Arc<str>);

impl Tables {
    /// # Errors
    /// [`crate::error::ErrorKind::Config`] unless the prefix is 1 to 48 of `a-z`, `0-9` and `_`, no digit first.
    pub(super) fn named(prefix: &str) -> Result<Self> {
        let fits = (1..=LONGEST).contains(&prefix.len());
        let plain = prefix.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if fits && plain && !prefix.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(Self(prefix.into()));
        }
        let say = "a table prefix is 1 to 48 of a-z, 0-9 and _, and does not begin with a digit";
        Err(Error::config("table_prefix", say))
    }

    pub(super) fn prefix(&self) -> &str {
        &self.0
    }
}
