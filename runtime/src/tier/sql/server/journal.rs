//! What nodes note about the log that they share: what they still owe it, and how far it was read.
//!
//! Each node has rows of its own, for one that has told all it owes knows nothing of the others. A node that begins takes
//! over what it finds, for it may be of one that has died: what is told twice is invalidated twice.

use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;

use super::fault;
use super::line::Value;
use super::store::{Store, name, unread};
use crate::chance::Chance;
use crate::group::{Cursor, Group, Note, Position};
use crate::tier::fault::Fault;

/// Whose notes are ours.
#[derive(Debug)]
pub(super) struct Journal {
    node: i64,
    /// Those up to this id as well, whosever they were: they were recalled.
    adopted: AtomicI64,
}

/// All that was noted.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub(super) owed: Vec<Group>,
    pub(super) read: Option<Cursor>,
    last: i64,
}

impl Journal {
    pub(super) fn new() -> Self {
        // Not 0, which is no node.
        Self { node: Chance::unknown().next().cast_signed() | 1, adopted: AtomicI64::new(0) }
    }

    /// What was found is now owed by this node.
    pub(super) fn adopt(&self, noted: &Noted) {
        self.adopted.fetch_max(noted.last, Ordering::AcqRel);
    }
}

impl Store {
    pub(super) async fn note(&self, journal: &Journal, note: &Note) -> Result<(), Fault> {
        let node = Value::Number(journal.node);
        match note {
            Note::Owed(groups) => {
                let row = |group: &Group| [node.clone(), name(&group.to_text()), name("")];
                let rows: Vec<Value> = groups.iter().flat_map(row).collect();
                self.each(&self.statements.owe, &rows, 3).await?;
            }
            Note::Told => {
                let adopted = Value::Number(journal.adopted.load(Ordering::Acquire));
                self.links.change(&self.statements.settle, &[node, adopted]).await?;
            }
            Note::Read(Cursor { position, nonce }) => {
                let place = format!("{} {} {nonce}", position.epoch, position.number);
                let row = [Value::Number(0), name(""), Value::Bytes(Bytes::from(place))];
                self.links.change(&self.statements.reach, &row).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn noted(&self) -> Result<Noted, Fault> {
        let mut noted = Noted::default();
        for row in self.links.rows(&self.statements.notes, &[]).await? {
            let (id, node) = (row.number(0).map_err(unread)?, row.number(1).map_err(unread)?);
            let (group, place) = (row.text(2).map_err(unread)?, row.text(3).map_err(unread)?);
            noted.last = noted.last.max(id);
            if node == 0 {
                noted.read = Some(cursor(&place).ok_or(fault::strange())?);
            } else {
                noted.owed.push(Group::from_text(&group).map_err(|_| fault::strange())?);
            }
        }
        Ok(noted)
    }
}

fn cursor(text: &str) -> Option<Cursor> {
    let mut numbers = text.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let position = Position { epoch: next()?, number: next()? };
    Some(Cursor { position, nonce: next()? })
}
