//! What stands in the log, as text and as groups: readable, or hidden where keys are secret.

use redis::Value;

use super::Room;
use super::log::{items, read_id, text};
use crate::group::Group;
use crate::tier::shared::Heard;
use crate::tier::veiled::{foreign, revealed};

/// By whose names keys are invalidated that are not secret.
const READABLE: &str = "-";

/// An entry of the log.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) heard: Heard,
    /// When the server took it, in microseconds by its clock, if it says so.
    pub(super) said: Option<u64>,
}

impl Room {
    /// By whose names this node invalidates keys.
    pub(super) fn whose(&self) -> String {
        self.veil.as_ref().map_or_else(|| READABLE.to_owned(), |veil| format!("{:016x}", veil.id()))
    }

    /// The text of a group. Equal groups have equal texts, and each begins as the script that folds them expects.
    pub(super) fn text(&self, group: &Group) -> String {
        self.veil.as_ref().map_or_else(|| group.to_text(), |veil| veil.conceal(group).to_text())
    }

    /// The group of a text; `None` if the text is none of ours. What a node with another secret wrote may name anything.
    pub(super) fn group(&self, text: &str) -> Group {
        let stored = Group::from_text(text).ok();
        stored.and_then(|stored| revealed(self.veil.as_ref(), stored)).unwrap_or_else(|| self.anything())
    }

    fn anything(&self) -> Group {
        self.notice.failed("log", &foreign());
        Group::Everything
    }

    /// What became of groups that are no longer remembered one by one, and of keys under names that are not ours.
    pub(super) fn folded(&self, answer: &Value) -> Option<Vec<(Group, u64)>> {
        read_folded(answer, &self.whose(), |text| self.group(text))
    }

    /// The entries that an answer to `XREAD` holds.
    pub(super) fn heard(&self, answer: &Value, epoch: u64) -> Option<Vec<Entry>> {
        read_heard(answer, (epoch, self.node), |text| self.group(text))
    }
}

pub(super) fn read_folded(answer: &Value, ours: &str, read: impl Fn(&str) -> Group) -> Option<Vec<(Group, u64)>> {
    let pairs: Vec<(&Value, &Value)> = match answer {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        _ => items(answer)?.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
    };
    let folded = |(name, number): (&Value, &Value)| {
        let group = match text(name)?.split_at_checked(1)? {
            ("f", group) => read(group),
            ("k", whose) if whose != ours => Group::Everything,
            _ => return None,
        };
        Some((group, text(number)?.parse().ok()?))
    };
    Some(pairs.into_iter().filter_map(folded).collect())
}

/// `[[stream, [[id, [by, node, g, group, ..]], ..]]]`, or nil; of this epoch, read by this node.
pub(super) fn read_heard(
    answer: &Value,
    (epoch, node): (u64, u64),
    read: impl Fn(&str) -> Group,
) -> Option<Vec<Entry>> {
    if matches!(answer, Value::Nil) {
        return Some(Vec::new());
    }
    let [stream] = items(answer)? else { return None };
    let [_, entries] = items(stream)? else { return None };
    items(entries)?.iter().map(|entry| read_entry(entry, (epoch, node), &read)).collect()
}

/// An entry that we cannot read may name anything.
///
/// Who wrote it is a number, with the server's time behind it where that may be known: `7@1700000000000000`. Older
/// versions take such an entry for another node's, which it is.
fn read_entry(entry: &Value, (epoch, node): (u64, u64), read: impl Fn(&str) -> Group) -> Option<Entry> {
    let [id, fields] = items(entry)? else { return None };
    let mut said = None;
    let mut heard = Heard { at: read_id(text(id)?, epoch)?, own: false, groups: Vec::new() };
    for pair in items(fields)?.chunks_exact(2) {
        match (text(&pair[0]), text(&pair[1])) {
            (Some("by"), Some(by)) => {
                let (by, time) = by.split_once('@').map_or((by, None), |(by, time)| (by, Some(time)));
                heard.own = by.parse() == Ok(node);
                said = time.and_then(|time| time.parse().ok());
            }
            (Some("g"), Some(group)) => heard.groups.push(read(group)),
            _ => heard.groups.push(Group::Everything),
        }
    }
    Some(Entry { heard, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry(by: &str) -> Entry {
        let fields = ["by", by, "g", "t:a"].map(bulk).to_vec();
        let group = |text: &str| Group::from_text(text).unwrap_or(Group::Everything);
        read_entry(&Value::Array(vec![bulk("5-1"), Value::Array(fields)]), (3, 7), group).expect("an entry")
    }

    #[test]
    fn an_entry_says_by_whom_and_when_as_far_as_it_does() {
        for (by, own, said) in [
            ("7", true, None),
            ("8", false, None),
            ("7@1700000000000001", true, Some(1_700_000_000_000_001)),
            ("8@17", false, Some(17)),
            ("7@", true, None),
            ("7@-5", true, None),
            ("7@99999999999999999999", true, None),
            ("@17", false, Some(17)),
            ("x", false, None),
        ] {
            let entry = entry(by);
            assert_eq!((entry.heard.own, entry.said), (own, said), "{by}");
            assert_eq!(entry.heard.groups, [Group::Tag("a".into())], "{by}: and names what it names");
        }
    }
}
