//! Globs over keys: `*` is any run of characters, `?` is any one, everything else is itself.

use std::fmt;
use std::sync::Arc;

use super::writer::head_of_cut;
use crate::error::{Error, Result};

/// The longest glob accepted, in bytes.
const MAX_GLOB: usize = 1280;
/// The most stars in one glob; matching costs at most this many walks over a key.
const MAX_STARS: usize = 4;

/// A glob over keys, such as `video:intro:*`.
///
/// Text that is interpolated into a pattern goes through [`escape`](super::escape) first, and keys never hold a raw
/// `*` or `?`, so a value can never widen a pattern. There are no character classes: `[` is refused.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// A pattern.
    ///
    /// # Errors
    /// A `Config` error if it is empty, longer than 1,280 bytes, has more than four stars or a character class.
    pub fn new(text: &str) -> Result<Self> {
        let refuse = |why: &'static str| Err(Error::config("pattern", why));
        match text {
            "" => refuse("a pattern needs at least one character; to clear all, clear the cache"),
            _ if text.len() > MAX_GLOB => refuse("a pattern has 1,280 bytes at most"),
            _ if text.matches('*').count() > MAX_STARS => refuse("a pattern has four stars at most"),
            _ if text.contains(['[', ']']) => refuse("a pattern has `*` and `?` only, no `[…]` classes"),
            _ => Ok(Self(text.into())),
        }
    }

    /// Does the whole key match?
    ///
    /// A key that was cut for its length matches if any text with its head could: rather too much than too little.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        match head_of_cut(key) {
            None => matches(self.0.as_bytes(), key.as_bytes()),
            Some(head) => {
                let prefix = self.prefix();
                head.starts_with(prefix) || prefix.starts_with(head)
            }
        }
    }

    /// The text before the first wildcard: every key that matches begins with it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let end = self.0.find(['*', '?']).unwrap_or(self.0.len());
        &self.0[..end]
    }

    /// The glob as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Matching with one remembered star: on a mismatch the last star takes one character more.
/// Quadratic at the very worst, never exponential.
fn matches(glob: &[u8], key: &[u8]) -> bool {
    let (mut g, mut k) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while k < key.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, k));
                g += 1;
            }
            Some(b'?') => {
                g += 1;
                k = next_char(key, k);
            }
            Some(c) if *c == key[k] => {
                g += 1;
                k += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    g = at + 1;
                    k = from + 1;
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == b'*')
}

/// Past the UTF-8 character at `k`, so that `?` is one character and not one byte.
fn next_char(key: &[u8], k: usize) -> usize {
    let mut next = k + 1;
    while next < key.len() && key[next] & 0b1100_0000 == 0b1000_0000 {
        next += 1;
    }
    next
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", &self.0)
    }
}
