//! What stands in the tables for keys and groups: readable, or hidden where keys are secret.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::append::Head;
use crate::clock::Clock;
use crate::codec::{Frame, Veil};
use crate::error::Result;
use crate::group::Group;
use crate::key::Key;
use crate::tier::notice::Notice;
use crate::tier::sql::server::schema::LONGEST_GROUP;
use crate::tier::veiled::{foreign, revealed};

/// By whose names keys are invalidated that are not secret.
const READABLE: i64 = 0;

/// The names of one node in the tables that it shares.
#[derive(Debug)]
pub(super) struct LogNames {
    veil: Option<Arc<Veil>>,
    notice: Notice,
}

impl LogNames {
    pub(super) fn new(veil: Option<Arc<Veil>>, tier: &'static str, clock: Clock) -> Self {
        Self { veil, notice: Notice::new(tier, clock) }
    }

    pub(super) fn veil(&self) -> Option<&Arc<Veil>> {
        self.veil.as_ref()
    }

    /// By whose names this node invalidates keys.
    pub(super) fn whose(&self) -> i64 {
        self.veil.as_ref().map_or(READABLE, |veil| veil.id().cast_signed())
    }

    /// The name under which a key's frame is stored, and its lease.
    pub(super) fn stored<'a>(&self, key: &'a Key) -> Cow<'a, Key> {
        self.veil.as_ref().map_or(Cow::Borrowed(key), |veil| Cow::Owned(veil.name(key)))
    }

    /// A frame as it is stored.
    pub(super) fn wrapped(&self, frame: &Frame) -> Result<Frame> {
        self.veil.as_ref().map_or_else(|| Ok(frame.clone()), |veil| veil.wrap(frame))
    }

    /// The bytes of a frame as they were before its names were hidden.
    pub(super) fn plain(&self, stored: Bytes) -> Option<Bytes> {
        match &self.veil {
            Some(veil) => veil.unwrapped(stored),
            None => Some(stored),
        }
    }

    /// The text of a group in an entry; one that is too long becomes coarser. Equal groups have equal texts, so the
    /// entries that invalidate a key are found by the text of that key, whatever stands there.
    pub(super) fn text(&self, group: &Group) -> String {
        let hidden = self.veil.as_ref().map(|veil| veil.conceal(group));
        let group = hidden.as_ref().unwrap_or(group);
        match (group.to_text(), group) {
            (text, _) if text.len() <= LONGEST_GROUP => text,
            (_, Group::Tag(_)) => Group::Tagged.to_text(),
            _ => Group::Everything.to_text(),
        }
    }

    /// What a stored text names. One that cannot be read may name anything.
    pub(super) fn group(&self, text: Vec<u8>) -> Group {
        let stored = String::from_utf8(text).ok().and_then(|text| Group::from_text(&text).ok());
        stored.map_or(Group::Everything, |stored| {
            revealed(self.veil.as_ref(), stored).unwrap_or_else(|| {
                self.notice.failed("log", &foreign());
                Group::Everything
            })
        })
    }

    /// What became of keys that were invalidated under other names: nothing removed our frames of them.
    pub(super) fn others(&self, head: Head) -> Option<(Group, u64)> {
        let number = head.keyed_by_others(self.whose());
        (number > 0).then(|| (Group::Everything, number.cast_unsigned()))
    }
}
