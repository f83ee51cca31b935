//! The SQL that differs between databases, and the names of the tables.

use std::sync::Arc;

use crate::error::{Error, Result};

/// Longest prefix of the tables' names, in bytes: with what follows it fits the shortest limit of all databases.
const LONGEST: usize = 48;

/// A database whose SQL we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
}

impl Dialect {
    /// The n-th parameter of a statement, from 1.
    fn parameter(self, n: usize) -> String {
        match self {
            Self::Sqlite => format!("?{n}"),
        }
    }

    /// A condition on a column: it is in the JSON array of texts that is the first parameter.
    fn among(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} IN (SELECT value FROM json_each(?1))"),
        }
    }

    /// What makes an `INSERT` of a row that is there already do nothing.
    const fn or_nothing(self) -> &'static str {
        match self {
            Self::Sqlite => "ON CONFLICT DO NOTHING",
        }
    }

    /// The type of a column that numbers its rows in order of arrival and never uses a number again.
    pub(super) const fn serial(self) -> &'static str {
        match self {
            Self::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
        }
    }

    /// The type of a column of bytes.
    pub(super) const fn blob(self) -> &'static str {
        match self {
            Self::Sqlite => "BLOB",
        }
    }

    /// The type of a column of text that is compared byte by byte.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Sqlite => "TEXT COLLATE BINARY",
        }
    }

    /// What begins a transaction that will write.
    ///
    /// SQLite takes the write lock here and waits for it; a lock taken at the first write would not be waited for.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
        }
    }
}

/// The tables' common prefix, checked: names cannot be parameters, so nothing but these letters gets into a statement.
#[derive(Debug, Clone)]
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

/// All statements over one set of tables, written once when the store opens.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) begin: &'static str,
    /// key → frame
    pub(super) one: Arc<str>,
    /// JSON array of keys → key, frame
    pub(super) many: Arc<str>,
    /// key → bytes of what was removed
    pub(super) remove: Arc<str>,
    /// id → bytes of what was removed
    pub(super) remove_id: Arc<str>,
    /// bytes of the oldest entry, which is removed
    pub(super) remove_oldest: Arc<str>,
    /// key, bytes, frame
    pub(super) insert: Arc<str>,
    /// change of entries, change of bytes → entries, bytes
    pub(super) count: Arc<str>,
    /// after id, up to id, how many → id, key, frame
    pub(super) walk: Arc<str>,
    /// highest id
    pub(super) last: Arc<str>,
    /// version, created, epoch, number
    pub(super) meta: Arc<str>,
    /// epoch, number
    pub(super) move_to: Arc<str>,
    /// epoch, number, name
    pub(super) note: Arc<str>,
    /// epoch, number, name of all records
    pub(super) records: Arc<str>,
    /// epoch, up to number
    pub(super) forget: Arc<str>,
    /// epoch: all others
    pub(super) forget_others: Arc<str>,
    /// name, value: instead of an older one
    pub(super) keep: Arc<str>,
    /// name, value of all notes
    pub(super) notes: Arc<str>,
    /// all that is owed
    pub(super) settle: Arc<str>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect, tables: &Tables) -> Self {
        let t = tables.prefix();
        let (frames, log, meta) = (format!("{t}_frames"), format!("{t}_log"), format!("{t}_meta"));
        let [p1, p2, p3] = [1, 2, 3].map(|n| dialect.parameter(n));
        let (among, or_nothing) = (dialect.among("key"), dialect.or_nothing());
        let remove = |which: &str| Arc::from(format!("DELETE FROM {frames} WHERE {which} RETURNING bytes"));
        Self {
            begin: dialect.begin(),
            one: format!("SELECT frame FROM {frames} WHERE key = {p1}").into(),
            many: format!("SELECT key, frame FROM {frames} WHERE {among}").into(),
            remove: remove(&format!("key = {p1}")),
            remove_id: remove(&format!("id = {p1}")),
            remove_oldest: remove(&format!("id = (SELECT min(id) FROM {frames})")),
            insert: format!("INSERT INTO {frames} (key, bytes, frame) VALUES ({p1}, {p2}, {p3})").into(),
            count: format!(
                "UPDATE {meta} SET entries = entries + {p1}, bytes = bytes + {p2} WHERE id = 1 RETURNING entries, bytes"
            )
            .into(),
            walk: format!("SELECT id, key, frame FROM {frames} WHERE id > {p1} AND id <= {p2} ORDER BY id LIMIT {p3}")
                .into(),
            last: format!("SELECT coalesce(max(id), 0) FROM {frames}").into(),
            meta: format!("SELECT version, created, epoch, number FROM {meta} WHERE id = 1").into(),
            move_to: format!("UPDATE {meta} SET epoch = {p1}, number = {p2} WHERE id = 1").into(),
            note: format!("INSERT INTO {log} (epoch, number, name) VALUES ({p1}, {p2}, {p3}) {or_nothing}").into(),
            records: format!("SELECT epoch, number, name FROM {log} ORDER BY id").into(),
            forget: format!("DELETE FROM {log} WHERE epoch = {p1} AND number <= {p2}").into(),
            forget_others: format!("DELETE FROM {log} WHERE epoch <> {p1}").into(),
            keep: format!(
                "INSERT INTO {t}_notes (name, value) VALUES ({p1}, {p2}) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            )
            .into(),
            notes: format!("SELECT name, value FROM {t}_notes").into(),
            settle: format!("DELETE FROM {t}_notes WHERE name <> 'c'").into(),
        }
    }
}
