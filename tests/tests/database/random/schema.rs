//! Random tables.

use cached_runtime::statement::Backend;

use super::Features;
use super::asked::{Asked, Kind, Sql, Value, of_kind};
use super::dice::Dice;
use super::{names, objects};

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// May it be left out of an insert?
    pub(crate) optional: bool,
}

/// A table, or what is asked like one.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// Places of the columns that identify a row.
    pub(crate) key: Vec<usize>,
    /// Can rows be put in and taken out?
    pub(crate) written: bool,
    pub(crate) is_table: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) backend: Backend,
    /// What the database itself is called.
    pub(crate) place: String,
    pub(crate) features: Features,
    pub(crate) relations: Vec<Relation>,
    /// Calls of functions that answer with a number.
    pub(crate) calls: Vec<String>,
    /// What makes it, in order.
    pub(crate) made_by: Vec<Asked>,
}

impl Schema {
    pub(crate) fn random(dice: &mut Dice, backend: Backend, place: &str, features: Features) -> Self {
        let relations = Vec::new();
        let mut schema =
            Self { backend, place: place.to_owned(), features, relations, calls: Vec::new(), made_by: Vec::new() };
        let count = dice.between(2, 5);
        for name in names::tables(dice, count) {
            schema.add_table(dice, &name);
        }
        objects::add(&mut schema, dice);
        for at in 0..schema.relations.len() {
            for _ in 0..dice.between(2, 7) {
                let row = schema.insert_of(dice, at);
                schema.made_by.push(row);
            }
        }
        schema
    }

    fn add_table(&mut self, dice: &mut Dice, name: &str) {
        let width = dice.between(2, 6);
        let mut columns: Vec<Column> = names::columns(dice, width)
            .into_iter()
            .map(|name| {
                let kind = *dice.one(&[Kind::Int, Kind::Int, Kind::Text, Kind::Text, Kind::Real]);
                Column { name, kind, optional: true }
            })
            .collect();
        let key: Vec<usize> = match dice.below(10) {
            0 => Vec::new(),
            1 | 2 => vec![0, 1],
            _ => vec![0],
        };
        if dice.percent(75) {
            columns[0].kind = Kind::Int;
        } else if columns[0].kind == Kind::Real {
            columns[0].kind = Kind::Text;
        }
        key.iter().for_each(|&at| columns[at].optional = false);
        let numbered = self.features.sequences && key == [0] && columns[0].kind == Kind::Int && dice.percent(40);
        columns[0].optional |= numbered;
        let quoted = |name: &str| names::quoted(name, self.backend);
        let mut parts: Vec<String> =
            columns.iter().map(|column| format!("{} {}", quoted(&column.name), self.type_of(dice, column))).collect();
        if numbered {
            parts[0] = format!("{} {}", quoted(&columns[0].name), self.numbered());
        } else if !key.is_empty() {
            let of: Vec<String> = key.iter().map(|&at| quoted(&columns[at].name)).collect();
            parts.push(format!("PRIMARY KEY ({})", of.join(", ")));
        }
        parts.extend(self.foreign_key(dice, &columns));
        let mut text = format!("CREATE TABLE {} ({})", quoted(name), parts.join(", "));
        match self.backend {
            Backend::Sqlite if !key.is_empty() && !numbered && dice.percent(20) => text.push_str(" WITHOUT ROWID"),
            Backend::Mysql if self.features.engines && dice.percent(25) => text.push_str(" ENGINE=MyISAM"),
            _ => {}
        }
        self.made_by.push(Asked { text, values: Vec::new() });
        let name = name.to_owned();
        self.relations.push(Relation { name, columns, key, written: true, is_table: true });
    }

    fn type_of(&self, dice: &mut Dice, column: &Column) -> String {
        let of: &[&str] = match (self.backend, column.kind) {
            (Backend::Sqlite, Kind::Int) => &["INTEGER", "INT", "BIGINT", "NUMERIC"],
            (Backend::Sqlite, Kind::Real) => &["REAL", "DOUBLE"],
            (Backend::Sqlite, Kind::Text) => {
                &["TEXT", "VARCHAR(40)", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "BLOB"]
            }
            (Backend::Postgres, Kind::Int) => &["bigint", "bigint", "int"],
            (Backend::Postgres, Kind::Real) => &["double precision"],
            (Backend::Postgres, Kind::Text) => &["text", "varchar(40)", "char(12)"],
            // A foreign key is of the very type.
            (Backend::Mysql, Kind::Int) => &["BIGINT"],
            (Backend::Mysql, Kind::Real) => &["DOUBLE"],
            (Backend::Mysql, Kind::Text) => &[
                "VARCHAR(40)",
                "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
                "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                "CHAR(20)",
            ],
        };
        let not_null = if column.optional { "" } else { " NOT NULL" };
        format!("{}{not_null}", dice.one(of))
    }

    fn numbered(&self) -> &'static str {
        match self.backend {
            Backend::Sqlite => "INTEGER PRIMARY KEY AUTOINCREMENT",
            Backend::Postgres => "bigserial PRIMARY KEY",
            Backend::Mysql => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        }
    }

    /// To a table that is there already, whose key is one number.
    fn foreign_key(&self, dice: &mut Dice, columns: &[Column]) -> Option<String> {
        // No other engine of MariaDB's knows them.
        let knows = self.backend != Backend::Mysql || !self.features.engines;
        if !knows || !dice.percent(if self.features.cascades { 70 } else { 15 }) {
            return None;
        }
        let one_number = |table: &&Relation| table.key.len() == 1 && table.columns[0].kind == Kind::Int;
        let parents: Vec<&Relation> = self.relations.iter().filter(one_number).collect();
        let own: Vec<&Column> = columns.iter().filter(|column| column.kind == Kind::Int && column.optional).collect();
        if parents.is_empty() || own.is_empty() {
            return None;
        }
        let (parent, own) = (*dice.one(&parents), *dice.one(&own));
        let actions: &[&str] = match (self.features.cascades, self.backend) {
            (false, _) => &[""],
            (true, Backend::Mysql) => {
                &[" ON DELETE CASCADE ON UPDATE CASCADE", " ON DELETE SET NULL", " ON UPDATE CASCADE"]
            }
            (true, _) => &[
                " ON DELETE CASCADE ON UPDATE CASCADE",
                " ON DELETE SET NULL ON UPDATE SET NULL",
                " ON UPDATE CASCADE",
                " ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
            ],
        };
        let quoted = |name: &str| names::quoted(name, self.backend);
        Some(format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}){}",
            quoted(&own.name),
            quoted(&parent.name),
            quoted(&parent.columns[0].name),
            dice.one(actions)
        ))
    }

    /// A row for this relation; it may be refused.
    pub(crate) fn insert_of(&self, dice: &mut Dice, at: usize) -> Asked {
        let relation = &self.relations[at];
        let mut sql = Sql::new(self.backend);
        let columns: Vec<String> =
            relation.columns.iter().map(|column| names::quoted(&column.name, self.backend)).collect();
        sql.add("INSERT INTO ").add(self.named(dice, relation)).add(format!(" ({}) VALUES (", columns.join(", ")));
        self.row(&mut sql, dice, relation);
        sql.add(")");
        sql.done()
    }

    /// The values of a row, with commas between.
    pub(crate) fn row(&self, sql: &mut Sql, dice: &mut Dice, relation: &Relation) {
        for (place, column) in relation.columns.iter().enumerate() {
            if place > 0 {
                sql.add(", ");
            }
            let value =
                if column.optional && dice.percent(12) { Value::Null(column.kind) } else { of_kind(dice, column.kind) };
            sql.value(dice, &value);
        }
    }

    /// One of the ways to write its name.
    pub(crate) fn named(&self, dice: &mut Dice, relation: &Relation) -> String {
        names::spelled(dice, &relation.name, self.backend, &self.place)
    }

    pub(crate) fn quoted(&self, name: &str) -> String {
        names::quoted(name, self.backend)
    }

    pub(crate) fn spare_name(dice: &mut Dice) -> String {
        names::spare(dice)
    }

    pub(crate) fn any(&self, dice: &mut Dice) -> usize {
        dice.below(self.relations.len())
    }

    /// One that can be written.
    pub(crate) fn any_written(&self, dice: &mut Dice) -> usize {
        let written: Vec<usize> = (0..self.relations.len()).filter(|&at| self.relations[at].written).collect();
        *dice.one(&written)
    }

    pub(crate) fn any_table(&self, dice: &mut Dice) -> usize {
        let tables: Vec<usize> = (0..self.relations.len()).filter(|&at| self.relations[at].is_table).collect();
        *dice.one(&tables)
    }
}
