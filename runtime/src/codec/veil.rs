//! Frames under names that hide theirs, with all they say about themselves encrypted.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::encrypt::Keys;
use super::frame::{Frame, Head, broken};
use super::secrecy::KeySecrecy;
use crate::error::Result;
use crate::group::Group;
use crate::key::Key;

/// What stands between the shelves and their stores where keys are secret.
pub(crate) struct Veil {
    secrecy: KeySecrecy,
    keys: Arc<Keys>,
}

impl Veil {
    pub(crate) const fn new(secrecy: KeySecrecy, keys: Arc<Keys>) -> Self {
        Self { secrecy, keys }
    }

    /// Tells nodes with one secret from those with another.
    pub(crate) const fn id(&self) -> u64 {
        self.secrecy.id()
    }

    /// The name under which an entry is stored.
    pub(crate) fn name(&self, key: &Key) -> Key {
        self.secrecy.name(key)
    }

    /// What a record says instead of this group.
    pub(crate) fn conceal(&self, group: &Group) -> Group {
        self.secrecy.conceal(group)
    }

    /// Which group a record names; `None` if it was not written with this secret.
    pub(crate) fn reveal(&self, group: &Group) -> Option<Group> {
        self.secrecy.reveal(group)
    }

    /// A frame that says only what a store needs, with the frame encrypted inside.
    ///
    /// # Errors
    /// As [`Keys::seal`].
    pub(crate) fn wrap(&self, frame: &Frame) -> Result<Frame> {
        let (key, tags) = (self.name(frame.key()), Arc::from([]));
        let hidden = Head { fingerprint: 0, key, tags, format: 0, compression: 0, raw_len: 0, ..frame.head().clone() };
        self.keys.seal(hidden, frame.bytes())
    }

    /// The bytes of the frame inside these. Whose it is, it says itself.
    ///
    /// # Errors
    /// [`ErrorKind::Frame`](crate::ErrorKind::Frame) if they are no frame, or were not written with one of our keys
    /// exactly as they are. A plain frame is none of ours, also where plain ones are accepted: those have other names.
    pub(crate) fn open(&self, outer: &Frame) -> Result<Bytes> {
        if !outer.is_encrypted() {
            return Err(broken("the frame is not encrypted"));
        }
        Ok(self.keys.open(outer)?.into_owned().into())
    }

    /// The frame inside these bytes: no bytes, which are no frame, if they are damaged, and those of a later version as
    /// they are, for they say so themselves. `None` if they are whole and cannot be opened: they may be of a node that has
    /// other keys.
    pub(crate) fn unwrapped(&self, stored: Bytes) -> Option<Bytes> {
        if Frame::is_newer(&stored) {
            return Some(stored);
        }
        match Frame::read(stored) {
            Ok(outer) => self.open(&outer).ok(),
            Err(_) => Some(Bytes::new()),
        }
    }
}

/// Nothing of secret or keys.
impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Veil(..)")
    }
}
