//! An open database on a server. Every statement stands alone: there is no transaction that could be left open, and no
//! lock that is held while we wait for something else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use tokio::sync::Mutex;

use super::Terms;
use super::fault;
use super::journal::Journal;
use super::line::{Row, Value};
use super::links::Links;
use super::schema::{self, LONGEST_GROUP, LONGEST_KEY, VERSION};
use super::statements::{Sized, Statements};
use crate::codec::Frame;
use crate::group::{Group, Position, Record};
use crate::key::Key;
use crate::tier::fault::{Fault, LONG};
use crate::tier::{Recall, ledger};

/// The most bytes of frames in one statement, unless one alone has more: servers have a bound on a packet.
const PACKET: usize = 1 << 20;

/// An open database.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) statements: Statements,
    pub(super) links: Links,
    pub(super) max_bytes: i64,
    /// One write of this node at a time, in the order they were asked for: a put that its caller has given up must not
    /// come after the removal that the caller sends next.
    pub(super) writing: Mutex<()>,
}

impl Store {
    /// Finds the tables, or makes them.
    pub(super) async fn open(terms: &Terms) -> Result<Self, Fault> {
        Self::over(Links::new(terms.address.clone(), terms.connections), terms).await
    }

    /// The same over these connections.
    pub(super) async fn over(links: Links, terms: &Terms) -> Result<Self, Fault> {
        let dialect = terms.address.dialect();
        let store = Self {
            statements: Statements::new(dialect, &terms.tables),
            links,
            max_bytes: i64::try_from(terms.max_bytes).unwrap_or(i64::MAX),
            writing: Mutex::default(),
        };
        // Looked for first: who may use the tables need not have the right to make them.
        let found = match store.check().await {
            Err(fault) if fault.message() == fault::MISSING.message() => {
                for batch in schema::create(dialect, &terms.tables) {
                    store.links.batch(batch).await?;
                }
                store.check().await
            }
            found => found,
        };
        if found.is_err() {
            store.close().await;
        }
        found.map(|()| store)
    }

    /// Are these our tables, and can we read what they hold?
    async fn check(&self) -> Result<(), Fault> {
        if self.links.row(&self.statements.meta, &[]).await?.number(0).map_err(unread)? != VERSION {
            return Err(fault::strange());
        }
        self.links.row(&self.statements.last, &[]).await?;
        // Read now: records that cannot be read have to be found out before frames are trusted.
        self.noted().await?;
        self.records().await.map(drop)
    }

    /// The version of the server.
    pub(super) async fn version(&self) -> Result<String, Fault> {
        let version = self.links.row(&self.links.dialect().version().into(), &[]).await?;
        version.text(0).map_err(unread)
    }

    pub(super) async fn close(&self) {
        self.links.close().await;
    }

    pub(super) async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, Fault> {
        if let [key] = keys {
            let rows = self.links.rows(&self.statements.one, &[name(key.as_str())]).await?;
            return Ok(vec![rows.first().map(|row| row.bytes(0).map(Bytes::from)).transpose().map_err(unread)?]);
        }
        let names: Vec<Value> = keys.iter().map(|key| name(key.as_str())).collect();
        let mut found = HashMap::with_capacity(keys.len());
        let mut rest = &names[..];
        while !rest.is_empty() {
            let (sql, many) = self.statements.many.most_of(rest.len());
            for row in self.links.rows(sql, &rest[..many]).await? {
                found.insert(row.bytes(0).map_err(unread)?, Bytes::from(row.bytes(1).map_err(unread)?));
            }
            rest = &rest[many..];
        }
        Ok(keys.iter().map(|key| found.get(key.as_str().as_bytes()).cloned()).collect())
    }

    pub(super) async fn put(&self, frames: &[Frame]) -> Result<(), Fault> {
        let rows = rows_of(frames)?;
        let _turn = self.writing.lock().await;
        let mut rest = &rows[..];
        while !rest.is_empty() {
            let (sql, many) = self.statements.replace.most_of(fitting(rest));
            self.links.change(sql, &rest[..many].concat()).await?;
            rest = &rest[many..];
        }
        Ok(())
    }

    /// The position comes last: who reads it finds what led there.
    pub(super) async fn apply(&self, records: &[Record]) -> Result<(), Fault> {
        let mut keys = BTreeSet::new();
        let mut groups = Vec::new();
        for Record { group, position } in records {
            if let Group::Key(key) = group {
                keys.insert(key.as_str());
                continue;
            }
            let group = group.to_text();
            if group.len() > LONGEST_GROUP {
                return Err(LONG);
            }
            groups.extend([Value::Number(epoch(*position)), Value::Number(number(*position)), name(&group)]);
        }
        let keys: Vec<Value> = keys.into_iter().map(name).collect();
        let _turn = self.writing.lock().await;
        self.each(&self.statements.remove, &keys, 1).await?;
        self.each(&self.statements.note, &groups, 3).await?;
        for position in ends(records) {
            self.move_to(position).await?;
        }
        Ok(())
    }

    /// Runs a statement over all rows of so many values; how many rows of the table were changed.
    pub(super) async fn each(&self, statement: &Sized, values: &[Value], width: usize) -> Result<u64, Fault> {
        let (mut rest, mut changed) = (values, 0);
        while !rest.is_empty() {
            let (sql, many) = statement.most_of(rest.len() / width);
            let (now, later) = rest.split_at(many * width);
            changed += self.links.change(sql, now).await?;
            rest = later;
        }
        Ok(changed)
    }

    /// Moves the position there, unless it is further on already.
    async fn move_to(&self, position: Position) -> Result<(), Fault> {
        let [epoch, number] = [Value::Number(epoch(position)), Value::Number(number(position))];
        let values = [epoch.clone(), number.clone(), epoch, number];
        if self.links.change(&self.statements.move_to, &values).await? == 0 {
            // Further on, or not there: the tables were emptied.
            self.links.row(&self.statements.meta, &[]).await?;
        }
        Ok(())
    }

    pub(super) async fn remove(&self, keys: &[Key]) -> Result<(), Fault> {
        let keys: Vec<Value> = keys.iter().map(|key| name(key.as_str())).collect();
        let _turn = self.writing.lock().await;
        self.each(&self.statements.remove, &keys, 1).await.map(drop)
    }

    /// What is in force; what was noted is from now on owed by the node of this journal.
    pub(super) async fn recall(&self, journal: &Journal) -> Result<Recall, Fault> {
        let noted = self.noted().await?;
        journal.adopt(&noted);
        let (position, records) = self.records().await?;
        Ok(Recall { position, records, owed: noted.owed, read: noted.read })
    }

    async fn records(&self) -> Result<(Option<Position>, Vec<Record>), Fault> {
        let meta = self.links.row(&self.statements.meta, &[]).await?;
        let at = meta.maybe(1).map_err(unread)?.zip(meta.maybe(2).map_err(unread)?);
        let position = at.map(|(epoch, number)| place(epoch, number));
        let mut records = Vec::new();
        for row in self.links.rows(&self.statements.records, &[]).await? {
            let (position, group) = noted(&row).map_err(unread)?;
            records.push(Record { group: Group::from_text(&group).map_err(|_| fault::strange())?, position });
        }
        ledger::sort(position, &mut records);
        Ok((position, records))
    }

    /// Forgets the records up to here, and those of epochs that ended before this one began.
    ///
    /// Before: other nodes may be the first to know of the next epoch, and its records came later than those of this one.
    pub(super) async fn forget(&self, swept: Position) -> Result<(), Fault> {
        let (epoch, number) = (Value::Number(epoch(swept)), Value::Number(number(swept)));
        let began = self.links.row(&self.statements.began, std::slice::from_ref(&epoch)).await?;
        if let Some(began) = began.maybe(0).map_err(unread)? {
            self.links.change(&self.statements.forget_others, &[epoch.clone(), Value::Number(began)]).await?;
        }
        self.links.change(&self.statements.forget, &[epoch, number]).await?;
        Ok(())
    }
}

/// A row that cannot be read: something in the tables has a form that nobody writes.
pub(super) fn unread(e: sqlx::Error) -> Fault {
    fault::Trouble::from(e).fault
}

pub(super) fn name(text: &str) -> Value {
    Value::Bytes(Bytes::copy_from_slice(text.as_bytes()))
}

/// What is stored of these frames: name, bytes, frame.
///
/// One row of a key in a statement, the latest; and all nodes take their rows in one order, so that they queue up instead
/// of locking each other out.
pub(super) fn rows_of<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Result<Vec<[Value; 3]>, Fault> {
    let latest: BTreeMap<&str, &Frame> = frames.into_iter().map(|frame| (frame.key().as_str(), frame)).collect();
    let mut rows = Vec::with_capacity(latest.len());
    for (key, frame) in latest {
        if key.len() > LONGEST_KEY {
            return Err(LONG);
        }
        let bytes = i64::try_from(key.len() + frame.bytes().len()).unwrap_or(i64::MAX);
        rows.push([name(key), Value::Number(bytes), Value::Bytes(frame.bytes().clone())]);
    }
    Ok(rows)
}

/// How many of these rows go into one statement.
pub(super) fn fitting(rows: &[[Value; 3]]) -> usize {
    let size = |row: &[Value; 3]| match row {
        [.., Value::Bytes(frame)] => frame.len(),
        _ => 0,
    };
    let mut sum = 0;
    let fits = |row: &&[Value; 3]| {
        sum += size(row);
        sum <= PACKET
    };
    rows.iter().take_while(fits).count().max(1)
}

/// The last position of each run of records of one epoch: what they move the store to, in order.
fn ends(records: &[Record]) -> Vec<Position> {
    let mut ends: Vec<Position> = Vec::new();
    for Record { position, .. } in records {
        match ends.last_mut() {
            Some(last) if last.epoch == position.epoch => *last = ledger::later(Some(*last), *position),
            _ => ends.push(*position),
        }
    }
    ends
}

fn noted(row: &Row) -> sqlx::Result<(Position, String)> {
    Ok((place(row.number(0)?, row.number(1)?), row.text(2)?))
}

fn place(epoch: i64, number: i64) -> Position {
    Position { epoch: epoch.cast_unsigned(), number: number.cast_unsigned() }
}

/// An epoch as the database keeps it: the same bits, signed.
const fn epoch(at: Position) -> i64 {
    at.epoch.cast_signed()
}

/// A number as the database keeps it. Numbers count records: they do not come near the bound.
fn number(at: Position) -> i64 {
    i64::try_from(at.number).unwrap_or(i64::MAX)
}
