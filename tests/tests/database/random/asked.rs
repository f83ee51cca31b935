//! A statement with its values, and how it is put together.

use std::fmt;

use cached_runtime::statement::Backend;

use super::dice::Dice;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Real,
    Text,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// The type matters where types are strict.
    Null(Kind),
    Int(i64),
    Real(f64),
    Text(String),
}

/// A statement, and the values for its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.values.is_empty() { f.write_str(&self.text) } else { write!(f, "{}  <- {:?}", self.text, self.values) }
    }
}

/// A statement in the making, from its first word to its last.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    pub(crate) backend: Backend,
    text: String,
    values: Vec<Value>,
}

impl Sql {
    pub(crate) fn new(backend: Backend) -> Self {
        Self { backend, text: String::new(), values: Vec::new() }
    }

    pub(crate) fn add(&mut self, words: impl AsRef<str>) -> &mut Self {
        self.text.push_str(words.as_ref());
        self
    }

    /// A value: bound, or written out.
    pub(crate) fn value(&mut self, dice: &mut Dice, value: &Value) -> &mut Self {
        if dice.percent(70) {
            self.values.push(value.clone());
            match self.backend {
                Backend::Postgres => self.text.push_str(&format!("${}", self.values.len())),
                Backend::Sqlite | Backend::Mysql => self.text.push('?'),
            }
        } else {
            self.text.push_str(&literal(value, self.backend));
        }
        self
    }

    pub(crate) fn done(self) -> Asked {
        Asked { text: self.text, values: self.values }
    }
}

/// Written out.
pub(crate) fn literal(value: &Value, backend: Backend) -> String {
    match value {
        Value::Null(_) => "NULL".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => {
            let text = text.replace('\'', "''");
            let text = if backend == Backend::Mysql { text.replace('\\', "\\\\") } else { text };
            format!("'{text}'")
        }
    }
}

const TEXTS: &[&str] = &[
    "a",
    "A",
    "a ",
    "b",
    "B",
    "ä",
    "1",
    "01",
    "1a",
    "2",
    "2.0",
    " 2",
    "",
    "O'Brien",
    "say \"x\"",
    "%",
    "null",
    "ß",
    "ss",
    "back\\slash",
    "3",
    "3 ",
    "c:d",
];
const REALS: &[f64] = &[0.5, 1.0, 2.0, -1.5, 3.0, 7.25, 1024.0];
const INTS: &[i64] = &[0, -1, 2_147_483_648, i64::MAX, i64::MIN, 4, 100];

/// A value of this kind: most often one that others have, too.
pub(crate) fn of_kind(dice: &mut Dice, kind: Kind) -> Value {
    match kind {
        Kind::Int if dice.percent(94) => Value::Int(dice.below(9) as i64),
        Kind::Int => Value::Int(*dice.one(INTS)),
        Kind::Real => Value::Real(*dice.one(REALS)),
        Kind::Text => Value::Text((*dice.one(TEXTS)).to_owned()),
    }
}

/// A value to compare a column of this kind with, now and then of another type.
pub(crate) fn to_compare(dice: &mut Dice, kind: Kind, backend: Backend) -> Value {
    if dice.percent(2) {
        return Value::Null(kind);
    }
    if dice.percent(85) {
        return of_kind(dice, kind);
    }
    match (backend, kind) {
        // It compares numbers with numbers, and nothing else.
        (Backend::Postgres, Kind::Int) => Value::Real(*dice.one(REALS)),
        (Backend::Postgres, Kind::Real) => Value::Int(dice.below(5) as i64),
        (Backend::Postgres, Kind::Text) => of_kind(dice, kind),
        (_, Kind::Int | Kind::Real) => {
            let kind = *dice.one(&[Kind::Text, Kind::Real, Kind::Int]);
            of_kind(dice, kind)
        }
        (_, Kind::Text) => {
            let kind = *dice.one(&[Kind::Int, Kind::Real]);
            of_kind(dice, kind)
        }
    }
}
