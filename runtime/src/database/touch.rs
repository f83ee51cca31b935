//! What a write touches: all there is, tables, or rows of tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Core;
use super::catalog::{Catalog, Class, KeyColumn};
use super::driver::Driver;
use super::due::Due;
use super::groups::{Groups, Pinned};
use super::key_value::KeyValue;
use super::known::Met;
use super::values::Values;
use crate::group::Group;
use crate::statement::{Backend, Given, Kind, Rows, Statement, Tables};

/// So many rows of a table are told apart in one transaction.
const MOST_TAGS: usize = 1_000;

/// A statement that writes, and the values of it that tell rows apart.
pub(super) struct Write {
    statement: Arc<Met>,
    /// The values of columns, where all of them are known.
    columns: Vec<(String, Vec<KeyValue>)>,
    /// Does it write at all?
    writes: bool,
}

/// What became untrue, to be told.
#[derive(Debug, Default)]
pub(super) struct Touched {
    all: bool,
    schema: bool,
    /// May it outlast the transaction that it was written in?
    lasts: bool,
    tables: BTreeMap<String, Extent>,
    /// What was known of invalidations before the schema was asked.
    since: Option<u64>,
}

/// How much of a table.
#[derive(Debug)]
enum Extent {
    Whole,
    /// What is told by these tags.
    Rows(BTreeSet<String>),
}

impl Write {
    pub(super) fn new<'q, DB: Driver>(statement: &Arc<Met>, values: &impl Values<'q, DB>) -> Self {
        let mut columns = statement.rows_written().map_or_else(Vec::new, |rows| known(rows, values));
        if DB::BACKEND == Backend::Mysql && statement.kind() == Kind::Insert {
            // There it may stand for the next number.
            columns.retain(|(_, pins)| !pins.contains(&KeyValue::Integer(0)));
        }
        Self { statement: Arc::clone(statement), columns, writes: !statement.writes().is_none() }
    }

    /// One that writes though its text does not show it, as by a function that somebody wrote; or that does not.
    pub(super) fn writing(self, writes: bool) -> Self {
        Self { writes, ..self }
    }

    /// Does it write?
    pub(super) const fn writes(&self) -> bool {
        self.writes
    }

    /// The same for each of many rows.
    pub(super) fn of_rows<'q, DB: Driver, V: Values<'q, DB>>(statement: &Arc<Met>, rows: &[V]) -> Vec<Self> {
        // More than are told apart are the table.
        if statement.rows_written().is_none() || rows.len() > MOST_TAGS {
            let writes = !statement.writes().is_none();
            return vec![Self { statement: Arc::clone(statement), columns: Vec::new(), writes }];
        }
        rows.iter().map(|values| Self::new(statement, values)).collect()
    }

    pub(super) fn statement(&self) -> &Statement {
        &self.statement
    }

    /// May what it does in a transaction of MySQL outlast a rollback: in tables that have none, or because it commits by
    /// itself, as `ANALYZE` does and a procedure may?
    pub(super) fn lasts(&self, catalog: Option<&Catalog>) -> bool {
        if !self.writes {
            return false;
        }
        self.statement.kind() == Kind::Other || catalog.is_none_or(|catalog| catalog.keeps(&self.statement))
    }

    /// Is nothing left of it when the database undoes it? Of what commits by itself half-way something may be.
    pub(super) fn is_undone_whole<DB: Driver>(&self, catalog: Option<&Catalog>) -> bool {
        match DB::BACKEND {
            Backend::Mysql => is_of_rows(&self.statement) && !self.lasts(catalog),
            _ => is_of_rows(&self.statement) || self.statement.shape().starts_with("MERGE"),
        }
    }

    /// What it touches in a database of this schema; of one that nobody knows, anything.
    pub(super) fn touches(&self, groups: &Groups, catalog: Option<&Catalog>) -> Touched {
        let schema = matches!(self.statement.kind(), Kind::Schema | Kind::Other);
        let mut touched = Touched { schema, ..Touched::default() };
        let Some(catalog) = catalog else {
            touched.all = self.writes;
            return touched;
        };
        match catalog.written(&self.statement) {
            Tables::Any => touched.all = true,
            Tables::Named(wider) => {
                let whole = |table: &String| self.rows(groups, table, catalog);
                touched.tables = wider.into_iter().map(|table| (table.clone(), whole(&table))).collect();
            }
        }
        touched
    }

    /// Which rows of this table, by its columns that tell rows apart.
    fn rows(&self, groups: &Groups, table: &str, catalog: &Catalog) -> Extent {
        let keys = catalog.keys(table);
        let known = |key: &KeyColumn| {
            let (_, pins) = self.columns.iter().find(|(column, _)| *column == key.name)?;
            pins.iter().all(|pin| fits(pin, &key.class)).then_some(pins)
        };
        let mine = self.statement.rows_written().is_some_and(|rows| rows.table == table);
        if !mine || !keys.iter().any(|key| known(key).is_some()) || catalog.leads_back(&self.statement) {
            return Extent::Whole;
        }
        let tags = keys.iter().flat_map(|key| match known(key) {
            Some(pins) => pins.iter().map(|pin| groups.row(table, &key.name, pin)).collect(),
            None => vec![groups.column(table, &key.name)],
        });
        Extent::Rows(tags.collect())
    }
}

/// Is it about rows, and neither about the schema nor a call of a procedure?
pub(super) const fn is_of_rows(statement: &Statement) -> bool {
    matches!(statement.kind(), Kind::Select | Kind::Insert | Kind::Update | Kind::Delete)
}

/// The rows that a statement reads of the tables whose rows are told apart: by one column each, best one that is unique.
pub(super) fn pinned(statement: &Statement, catalog: &Catalog, pin: impl Fn(usize) -> Option<KeyValue>) -> Vec<Pinned> {
    let of = |rows: &Rows| {
        let mut keys: Vec<&KeyColumn> = catalog.keys(&rows.table).iter().collect();
        keys.sort_by_key(|key| !key.unique);
        keys.into_iter().find_map(|key| {
            let (_, given) = rows.columns.iter().find(|(column, _)| *column == key.name)?;
            let value = value(given.first()?, &pin).filter(|value| fits(value, &key.class))?;
            Some(Pinned { table: rows.table.clone(), column: key.name.clone(), value })
        })
    };
    statement.rows_read().iter().filter_map(of).collect()
}

fn known<'q, DB: Driver>(rows: &Rows, values: &impl Values<'q, DB>) -> Vec<(String, Vec<KeyValue>)> {
    let all =
        |given: &[Given]| given.iter().map(|given| value(given, &|at| values.pin(at))).collect::<Option<Vec<_>>>();
    rows.columns.iter().filter_map(|(column, given)| Some((column.clone(), all(given)?))).collect()
}

fn value(given: &Given, pin: &impl Fn(usize) -> Option<KeyValue>) -> Option<KeyValue> {
    match given {
        Given::Parameter(at) => pin(*at),
        Given::Integer(number) => Some(KeyValue::Integer(*number)),
        Given::Text(text) => KeyValue::text(text),
    }
}

/// Is it a value of this type, that the database neither converts nor cuts?
fn fits(pin: &KeyValue, class: &Class) -> bool {
    match (pin, class) {
        (KeyValue::Integer(number), Class::Integer { least, most }) => (least..=most).contains(&number),
        (KeyValue::Text { length, .. }, Class::Text { longest }) => longest.is_none_or(|longest| *length <= longest),
        _ => false,
    }
}

impl<DB: Driver> Core<DB> {
    /// What is told of it.
    pub(super) fn told(&self, touched: &Touched) -> Vec<Group> {
        touched.groups(&self.groups).into_iter().chain(self.told_for_replicas(&touched.tables())).collect()
    }

    /// What is due besides, now that this was written: the schema by which it was told may be another one since, and what
    /// was read meanwhile names what nobody told.
    pub(super) fn completed(self: &Arc<Self>, due: Due, touched: &Touched) -> Due {
        // A cache may have been named only since it began.
        let due = due.to(self.caches());
        if touched.known_since().is_some_and(|since| self.schema_was_told(since)) {
            return due.and(self.told(&Touched::all()));
        }
        self.look_back(touched);
        due
    }

    /// What is due when that has been written which is told by these.
    pub(super) fn due(&self, groups: Vec<Group>) -> Due {
        Due::new(self.caches(), groups).once_more(self.again())
    }

    /// The same, where nobody knows whether it takes effect yet: a server may go on with what a lost connection has asked.
    pub(super) fn doubtful(&self, due: Due) -> Due {
        due.once_more(Some(Arc::clone(&self.late)))
    }
}

impl Touched {
    /// All there is.
    pub(super) fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// The moment before the schema was asked, if it was told by that; what touches all depends on none.
    pub(super) fn known_since(&self) -> Option<u64> {
        self.since.filter(|_| !self.all)
    }

    /// As it was told by a schema that was asked after this moment.
    pub(super) fn since(self, seq: u64) -> Self {
        Self { since: Some(seq), ..self }
    }

    /// It may outlast its transaction.
    pub(super) const fn keep(&mut self) {
        self.lasts = true;
    }

    /// May it outlast a rollback?
    pub(super) const fn lasts(&self) -> bool {
        self.lasts
    }

    /// This too.
    pub(super) fn add(&mut self, more: Self) {
        self.since = self.since.into_iter().chain(more.since).min();
        self.all |= more.all;
        self.schema |= more.schema;
        self.lasts |= more.lasts;
        for (table, extent) in more.tables {
            let mine = self.tables.entry(table).or_insert_with(|| Extent::Rows(BTreeSet::new()));
            match (&mut *mine, extent) {
                (Extent::Rows(tags), Extent::Rows(more)) if tags.len() + more.len() <= MOST_TAGS => tags.extend(more),
                (Extent::Whole, _) => {}
                (mine, _) => *mine = Extent::Whole,
            }
        }
    }

    /// The tables, whether whole or in part.
    fn tables(&self) -> Tables {
        if self.all { Tables::Any } else { Tables::Named(self.tables.keys().cloned().collect()) }
    }

    /// As it is told.
    pub(super) fn groups(&self, groups: &Groups) -> Vec<Group> {
        let mut tags = BTreeSet::new();
        if self.all {
            tags.insert(groups.all());
        } else {
            for (table, extent) in &self.tables {
                tags.extend(groups.any_row(table));
                match extent {
                    Extent::Whole => drop(tags.insert(groups.rows(table))),
                    Extent::Rows(rows) => tags.extend(rows.iter().cloned()),
                }
            }
        }
        if self.schema {
            tags.insert(groups.schema());
        }
        tags.into_iter().map(|tag| Group::Tag(tag.into())).collect()
    }
}
