//! The SQL of the server tier, written once when the store opens.

use std::sync::Arc;

use super::dialect::Dialect;
use crate::tier::sql::tables::Tables;

/// The same statement for 1, 2, 4, … rows. Any number of rows is a few of these, so that a connection prepares each of
/// them once and not one for every number there is.
#[derive(Debug)]
pub(super) struct Sized(Vec<Arc<str>>);

impl Sized {
    /// Statements of up to `2^(kinds - 1)` rows; `write` is given how many.
    pub(super) fn new(kinds: u32, write: impl Fn(usize) -> String) -> Self {
        Self((0..kinds).map(|n| write(1 << n).into()).collect())
    }

    /// The statement for the most of these rows that one of them takes, and how many those are.
    pub(super) fn most_of(&self, rows: usize) -> (&Arc<str>, usize) {
        let kind = (rows.max(1).ilog2() as usize).min(self.0.len() - 1);
        (&self.0[kind], 1 << kind)
    }
}

/// All statements over one set of tables.
#[derive(Debug)]
pub(super) struct Statements {
    /// name → frame
    pub(super) one: Arc<str>,
    /// names → name, frame
    pub(super) many: Sized,
    /// names
    pub(super) remove: Sized,
    /// ids
    pub(super) remove_ids: Sized,
    /// rows of name, bytes, frame
    pub(super) replace: Sized,
    /// → entries, bytes
    pub(super) count: Arc<str>,
    /// bytes → the newest id before which everything is beyond so many bytes
    pub(super) cut: Arc<str>,
    /// up to id, how many → id, bytes
    pub(super) oldest: Arc<str>,
    /// up to id
    pub(super) remove_oldest: Arc<str>,
    /// after id, up to id, how many → id, name, frame
    pub(super) walk: Arc<str>,
    /// highest id
    pub(super) last: Arc<str>,
    /// version, epoch, number
    pub(super) meta: Arc<str>,
    /// epoch, number, and both again
    pub(super) move_to: Arc<str>,
    /// rows of epoch, number, name
    pub(super) note: Sized,
    /// epoch, number, name of all records
    pub(super) records: Arc<str>,
    /// epoch, up to number
    pub(super) forget: Arc<str>,
    /// epoch → lowest id of its records, if it is the one in force
    pub(super) began: Arc<str>,
    /// epoch, before id: all others
    pub(super) forget_others: Arc<str>,
    /// rows of node, name, place
    pub(super) owe: Sized,
    /// node, name, place: instead of an older one
    pub(super) reach: Arc<str>,
    /// id, node, name, place of all notes
    pub(super) notes: Arc<str>,
    /// node, up to id: what either of them owes
    pub(super) settle: Arc<str>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect, tables: &Tables) -> Self {
        let t = tables.prefix();
        let (frames, log, meta) = (format!("{t}_frames"), format!("{t}_log"), format!("{t}_meta"));
        let notes = format!("{t}_notes");
        let [p1, p2, p3, p4] = [1, 2, 3, 4].map(|n| dialect.parameter(n));
        let list = |n: usize| (1..=n).map(|n| dialect.parameter(n)).collect::<Vec<_>>().join(", ");
        let row = |n: usize| format!("({})", [1, 2, 3].map(|i| dialect.parameter(3 * n + i)).join(", "));
        let rows = |n: usize| (0..n).map(row).collect::<Vec<_>>().join(", ");
        let (insert, or_update) = dialect.replace();
        let or_nothing = dialect.or_nothing("number");
        let sum = dialect.sum("bytes");
        let held = "SELECT id, sum(bytes) OVER (ORDER BY id DESC) AS held FROM";
        Self {
            one: format!("SELECT frame FROM {frames} WHERE name = {p1}").into(),
            many: Sized::new(9, |n| format!("SELECT name, frame FROM {frames} WHERE name IN ({})", list(n))),
            remove: Sized::new(9, |n| format!("DELETE FROM {frames} WHERE name IN ({})", list(n))),
            remove_ids: Sized::new(9, |n| format!("DELETE FROM {frames} WHERE id IN ({})", list(n))),
            replace: Sized::new(6, |n| {
                format!("{insert} INTO {frames} (name, bytes, frame) VALUES {} {or_update}", rows(n))
            }),
            count: format!("SELECT count(*), {sum} FROM {frames}").into(),
            cut: format!("SELECT coalesce(max(id), 0) FROM ({held} {frames}) AS newest WHERE held > {p1}").into(),
            oldest: format!("SELECT id, bytes FROM {frames} WHERE id <= {p1} ORDER BY id LIMIT {p2}").into(),
            remove_oldest: format!("DELETE FROM {frames} WHERE id <= {p1}").into(),
            walk: format!("SELECT id, name, frame FROM {frames} WHERE id > {p1} AND id <= {p2} ORDER BY id LIMIT {p3}")
                .into(),
            last: format!("SELECT coalesce(max(id), 0) FROM {frames}").into(),
            meta: format!("SELECT version, epoch, number FROM {meta} WHERE id = 1").into(),
            move_to: format!(
                "UPDATE {meta} SET epoch = {p1}, number = {p2} \
                 WHERE id = 1 AND (epoch IS NULL OR epoch <> {p3} OR number < {p4})"
            )
            .into(),
            note: Sized::new(7, |n| format!("INSERT INTO {log} (epoch, number, name) VALUES {} {or_nothing}", rows(n))),
            records: format!("SELECT epoch, number, name FROM {log} ORDER BY id").into(),
            forget: format!("DELETE FROM {log} WHERE epoch = {p1} AND number <= {p2}").into(),
            began: format!(
                "SELECT min({log}.id) FROM {log} JOIN {meta} ON {meta}.id = 1 AND {meta}.epoch = {log}.epoch \
                 WHERE {log}.epoch = {p1}"
            )
            .into(),
            forget_others: format!("DELETE FROM {log} WHERE epoch <> {p1} AND id < {p2}").into(),
            owe: Sized::new(7, |n| {
                let or_nothing = dialect.or_nothing("place");
                format!("INSERT INTO {notes} (node, name, place) VALUES {} {or_nothing}", rows(n))
            }),
            reach: {
                let or_update = dialect.or_update("node, name", "place");
                format!("INSERT INTO {notes} (node, name, place) VALUES {} {or_update}", row(0)).into()
            },
            notes: format!("SELECT id, node, name, place FROM {notes} ORDER BY id").into(),
            settle: format!("DELETE FROM {notes} WHERE node <> 0 AND (node = {p1} OR id <= {p2})").into(),
        }
    }
}
