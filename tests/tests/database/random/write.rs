//! Random writes.

use std::fmt;

use cached_runtime::statement::Backend;

use super::asked::{Asked, Kind, Sql, Value, literal, of_kind};
use super::conditions::{any, column_of, of_key};
use super::dice::Dice;
use super::rows::Rows;
use super::schema::{Column, Relation, Schema};
use super::strange;

/// What a statement makes of the schema, if it is not refused.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    None,
    Column(usize, Column),
    ColumnName(usize, usize, String),
    TableName(usize, String),
}

/// One statement that writes.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) asked: Asked,
    /// Is it asked for rows?
    pub(crate) fetched: bool,
    pub(crate) change: Change,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Committed,
    RolledBack,
    /// After a statement that is refused, whose failure the scope does not mind.
    Failed,
}

impl Ending {
    pub(super) fn random(dice: &mut Dice) -> Self {
        *dice.one(&[Self::Committed, Self::Committed, Self::RolledBack, Self::Failed])
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    One(Deed),
    Together(Vec<Deed>, Ending),
    Rows(Rows),
}

impl Step {
    pub(crate) fn random(schema: &Schema, dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..78 => Self::One(deed(schema, dice, true)),
            78..88 => Self::Rows(Rows::random(schema, dice)),
            _ => {
                let deeds = (0..dice.between(1, 4)).map(|_| deed(schema, dice, false)).collect();
                Self::Together(deeds, Ending::random(dice))
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(deed) => write!(f, "{}", deed.asked),
            Self::Together(deeds, ending) => {
                write!(f, "transaction {{ ")?;
                deeds.iter().try_for_each(|deed| write!(f, "{}; ", deed.asked))?;
                write!(f, "}} {ending:?}")
            }
            Self::Rows(rows) => write!(f, "{rows}"),
        }
    }
}

pub(super) fn deed(schema: &Schema, dice: &mut Dice, alone: bool) -> Deed {
    if alone && dice.percent(2) {
        return ddl(schema, dice);
    }
    let at = if dice.percent(60) { 0 } else { schema.any_written(dice) };
    let relation = schema.relations[at].clone();
    let mut sql = Sql::new(schema.backend);
    match dice.below(20) {
        0..5 => insert(&mut sql, schema, dice, &relation),
        5 => copy(&mut sql, schema, dice, &relation),
        6 | 7 => upsert(&mut sql, schema, dice, &relation),
        8..13 => update(&mut sql, schema, dice, &relation),
        13 => update_by_another(&mut sql, schema, dice, &relation),
        14..17 => delete(&mut sql, schema, dice, &relation),
        17 => delete_by_another(&mut sql, schema, dice, &relation),
        _ => strange::write(&mut sql, schema, dice, &relation, alone),
    }
    let returns = schema.backend != Backend::Mysql && dice.percent(12);
    let mut asked = sql.done();
    let verb = asked.text.split(' ').next().unwrap_or_default();
    let fetched = returns && matches!(verb, "INSERT" | "UPDATE" | "DELETE") && !asked.text.contains("RETURNING");
    if fetched {
        asked.text.push_str(" RETURNING *");
    }
    Deed { asked, fetched, change: Change::None }
}

fn column_list(schema: &Schema, relation: &Relation) -> String {
    let names: Vec<String> = relation.columns.iter().map(|column| schema.quoted(&column.name)).collect();
    names.join(", ")
}

fn insert(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let verb = match (schema.backend, dice.below(6)) {
        (Backend::Sqlite, 0) => "INSERT OR REPLACE INTO",
        (Backend::Sqlite, 1) => "INSERT OR IGNORE INTO",
        (Backend::Sqlite | Backend::Mysql, 2) => "REPLACE INTO",
        (Backend::Mysql, 0) => dice.one(&["INSERT IGNORE INTO", "INSERT HIGH_PRIORITY IGNORE INTO", "INSERT IGNORE"]),
        _ => "INSERT INTO",
    };
    sql.add(format!("{verb} {} ({}) VALUES ", schema.named(dice, relation), column_list(schema, relation)));
    for number in 0..(if dice.percent(70) { 1 } else { dice.between(2, 3) }) {
        sql.add(if number > 0 { ", (" } else { "(" });
        schema.row(sql, dice, relation);
        sql.add(")");
    }
}

fn copy(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let other = schema.relations[schema.any(dice)].clone();
    let from = schema.named(dice, &other);
    sql.add(format!("INSERT INTO {} ({}) SELECT ", schema.named(dice, relation), column_list(schema, relation)));
    for (number, column) in relation.columns.iter().enumerate() {
        sql.add(if number > 0 { ", " } else { "" });
        match other.columns.iter().find(|theirs| theirs.kind == column.kind) {
            Some(theirs) => sql.add(column_of(schema, "s", theirs)),
            None => sql.add(literal(&of_kind(dice, column.kind), schema.backend)),
        };
    }
    sql.add(format!(" FROM {from} s WHERE "));
    any(sql, schema, dice, "s", &other);
    sql.add(" LIMIT 3");
}

fn upsert(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    sql.add(format!("INSERT INTO {} ({}) VALUES (", schema.named(dice, relation), column_list(schema, relation)));
    schema.row(sql, dice, relation);
    let set = dice.one(&relation.columns).clone();
    let name = schema.quoted(&set.name);
    if schema.backend == Backend::Mysql {
        sql.add(format!(") ON DUPLICATE KEY UPDATE {name} = "));
        if dice.percent(50) {
            sql.add(format!("VALUES({name})"));
            return;
        }
    } else {
        let key: Vec<String> = relation.key.iter().map(|&place| schema.quoted(&relation.columns[place].name)).collect();
        if key.is_empty() || dice.percent(20) {
            sql.add(") ON CONFLICT DO NOTHING");
            return;
        }
        sql.add(format!(") ON CONFLICT ({}) DO UPDATE SET {name} = ", key.join(", ")));
        if dice.percent(50) {
            sql.add(format!("excluded.{name}"));
            return;
        }
    }
    let value = of_kind(dice, set.kind);
    sql.value(dice, &value);
}

/// What is set: most often any column, now and then the key itself.
fn set(sql: &mut Sql, schema: &Schema, dice: &mut Dice, alias: &str, relation: &Relation) {
    let place = if dice.percent(25) { 0 } else { dice.below(relation.columns.len()) };
    let column = &relation.columns[place];
    let name = if alias.is_empty() { schema.quoted(&column.name) } else { column_of(schema, alias, column) };
    sql.add(format!("{name} = "));
    if column.kind == Kind::Int && dice.percent(25) {
        sql.add(format!("{name} + 1"));
        return;
    }
    let value = if column.optional && dice.percent(10) { Value::Null(column.kind) } else { of_kind(dice, column.kind) };
    sql.value(dice, &value);
}

fn update(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let verb = match schema.backend {
        Backend::Sqlite if dice.percent(10) => "UPDATE OR REPLACE",
        Backend::Mysql if dice.percent(15) => *dice.one(&["UPDATE IGNORE", "UPDATE LOW_PRIORITY"]),
        _ => "UPDATE",
    };
    let aliased = dice.percent(20);
    let (name, alias) = (schema.named(dice, relation), if aliased { "u" } else { "" });
    sql.add(format!("{verb} {name}{} SET ", if aliased { " AS u" } else { "" }));
    let of = if schema.backend == Backend::Mysql { alias } else { "" };
    set(sql, schema, dice, of, relation);
    match dice.below(20) {
        0 => {}
        1..10 => {
            sql.add(" WHERE ");
            of_key(sql, schema, dice, alias, relation);
        }
        _ => {
            sql.add(" WHERE ");
            any(sql, schema, dice, alias, relation);
        }
    }
}

fn pair(schema: &Schema, dice: &mut Dice, relation: &Relation) -> (Relation, Column, Column) {
    let other = schema.relations[schema.any(dice)].clone();
    let own = dice.one(&relation.columns).clone();
    match other.columns.iter().find(|column| column.kind == own.kind).cloned() {
        Some(theirs) => (other, own, theirs),
        None => (relation.clone(), own.clone(), own),
    }
}

fn update_by_another(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (other, own, theirs) = pair(schema, dice, relation);
    let (name, from) = (schema.named(dice, relation), schema.named(dice, &other));
    let (own, theirs) = (column_of(schema, "u", &own), column_of(schema, "o", &theirs));
    if schema.backend == Backend::Mysql {
        // Either of the two may be the one that is changed.
        let (alias, changed) = if other.written && dice.percent(40) { ("o", &other) } else { ("u", relation) };
        let joined = if dice.percent(60) {
            format!("{name} u JOIN {from} o ON {own} = {theirs}")
        } else {
            format!("{name} u, {from} o")
        };
        sql.add(format!("UPDATE {joined} SET "));
        set(sql, schema, dice, alias, changed);
        sql.add(format!(" WHERE {own} = {theirs} AND "));
        any(sql, schema, dice, "o", &other);
    } else {
        sql.add(format!("UPDATE {name} AS u SET "));
        set(sql, schema, dice, "", relation);
        sql.add(format!(" FROM {from} o WHERE {own} = {theirs} AND ("));
        any(sql, schema, dice, "o", &other);
        sql.add(")");
    }
}

fn delete(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let verb = match schema.backend {
        Backend::Mysql if dice.percent(10) => *dice.one(&["DELETE IGNORE FROM", "DELETE QUICK FROM"]),
        _ => "DELETE FROM",
    };
    sql.add(format!("{verb} {}", schema.named(dice, relation)));
    if dice.percent(96) {
        sql.add(" WHERE ");
        if dice.percent(70) {
            of_key(sql, schema, dice, "", relation);
        } else {
            any(sql, schema, dice, "", relation);
        }
    }
}

fn delete_by_another(sql: &mut Sql, schema: &Schema, dice: &mut Dice, relation: &Relation) {
    let (other, own, theirs) = pair(schema, dice, relation);
    let (name, from) = (schema.named(dice, relation), schema.named(dice, &other));
    match schema.backend {
        Backend::Postgres => {
            let (own, theirs) = (column_of(schema, "u", &own), column_of(schema, "o", &theirs));
            sql.add(format!("DELETE FROM {name} u USING {from} o WHERE {own} = {theirs} AND "));
            of_key(sql, schema, dice, "o", &other);
        }
        Backend::Mysql => {
            let (own, theirs) = (column_of(schema, "u", &own), column_of(schema, "o", &theirs));
            let which = *dice.one(&["u", "u", "o", "u, o"]);
            let text = if dice.percent(50) {
                format!("DELETE {which} FROM {name} u JOIN {from} o ON {own} = {theirs} WHERE ")
            } else {
                format!("DELETE FROM {which} USING {name} AS u JOIN {from} AS o ON {own} = {theirs} WHERE ")
            };
            sql.add(text);
            of_key(sql, schema, dice, "o", &other);
        }
        Backend::Sqlite => {
            let (own, theirs) = (column_of(schema, "", &own), column_of(schema, "o", &theirs));
            sql.add(format!("DELETE FROM {name} WHERE {own} IN (SELECT {theirs} FROM {from} o WHERE "));
            of_key(sql, schema, dice, "o", &other);
            sql.add(")");
        }
    }
}

fn ddl(schema: &Schema, dice: &mut Dice) -> Deed {
    let at = schema.any_table(dice);
    let relation = &schema.relations[at];
    let (table, spare) = (schema.named(dice, relation), Schema::spare_name(dice));
    let new = schema.quoted(&spare);
    let place = dice.below(relation.columns.len());
    let (text, change) = match dice.below(5) {
        0 => {
            let column = Column { name: spare, kind: Kind::Int, optional: true };
            (format!("ALTER TABLE {table} ADD COLUMN {new} BIGINT DEFAULT 3"), Change::Column(at, column))
        }
        1 => {
            let old = schema.quoted(&relation.columns[place].name);
            (format!("ALTER TABLE {table} RENAME COLUMN {old} TO {new}"), Change::ColumnName(at, place, spare))
        }
        2 => (format!("ALTER TABLE {table} RENAME TO {new}"), Change::TableName(at, spare)),
        _ => {
            let column = schema.quoted(&relation.columns[place].name);
            let table = schema.quoted(&relation.name);
            (format!("CREATE INDEX {new} ON {table} ({column})"), Change::None)
        }
    };
    Deed { asked: Asked { text, values: Vec::new() }, fetched: false, change }
}

impl Schema {
    /// After a statement that was not refused.
    pub(crate) fn changed(&mut self, change: Change) {
        match change {
            Change::None => {}
            Change::Column(at, column) => self.relations[at].columns.push(column),
            Change::ColumnName(at, place, name) => self.relations[at].columns[place].name = name,
            Change::TableName(at, name) => self.relations[at].name = name,
        }
    }
}
