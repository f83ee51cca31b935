//! Random rows that one statement writes, many at a time.

use std::fmt;

use super::asked::{Asked, Kind, Value, of_kind};
use super::dice::Dice;
use super::schema::Schema;
use super::write::{Ending, deed};

/// Several parts of the small sizes.
const MANY: usize = 12;

/// One statement, once for each of its rows.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// All of the same words.
    pub(crate) rows: Vec<Asked>,
    /// So many to a transaction.
    pub(crate) size: usize,
    /// Of the transaction around them, if there is one.
    pub(crate) ending: Option<Ending>,
}

impl Rows {
    pub(crate) fn random(schema: &Schema, dice: &mut Dice) -> Self {
        let mut first = deed(schema, dice, false).asked;
        for _ in 0..4 {
            // One without values does the same for each row. And many inserts fill all keys that there are: what comes
            // after them would be refused.
            if first.values.is_empty() || first.text.starts_with("INSERT") && dice.percent(50) {
                first = deed(schema, dice, false).asked;
            }
        }
        let count = if dice.percent(2) { MANY } else { dice.between(2, 4) };
        let mut rows = vec![first];
        while rows.len() < count {
            let before = dice.one(&rows).clone();
            let values = before.values.iter().map(|value| like(dice, value)).collect();
            rows.push(Asked { values, ..before });
        }
        let size = *dice.one(&[1, 2, 5, 100, 100]);
        let ending = dice.percent(30).then(|| Ending::random(dice));
        Self { rows, size, ending }
    }
}

/// One of the same type: a statement is prepared for the first row's.
fn like(dice: &mut Dice, value: &Value) -> Value {
    let kind = match value {
        Value::Null(kind) => *kind,
        Value::Int(_) => Kind::Int,
        Value::Real(_) => Kind::Real,
        Value::Text(_) => Kind::Text,
    };
    match dice.below(20) {
        // Another row of the same key.
        0..4 => value.clone(),
        4 => Value::Null(kind),
        _ => of_kind(dice, kind),
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.rows.first().map_or("", |row| &row.text);
        write!(f, "batch of {} {{ {text} ", self.size)?;
        self.rows.iter().try_for_each(|row| write!(f, " <- {:?}", row.values))?;
        match self.ending {
            None => write!(f, " }}"),
            Some(ending) => write!(f, " }} inside of a transaction {ending:?}"),
        }
    }
}
