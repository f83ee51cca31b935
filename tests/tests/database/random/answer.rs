//! Values on their way to a database, and rows on their way back.

use std::fmt::Write as _;

use cached_runtime::database::generated::{KeyValue, bound};
use cached_runtime::database::{Driver, Values};
use cached_runtime::{Error, ErrorKind, Result};
use sqlx::{Arguments as _, ColumnIndex, Decode, Encode, FromRow, Row, Type, TypeInfo as _, ValueRef as _};

use super::asked::{Asked, Kind, Value};

impl<DB: Driver> Values<'_, DB> for Asked
where
    Option<i64>: for<'v> Encode<'v, DB> + Type<DB>,
    Option<f64>: for<'v> Encode<'v, DB> + Type<DB>,
    Option<String>: for<'v> Encode<'v, DB> + Type<DB>,
{
    fn count(&self) -> usize {
        self.values.len()
    }

    fn pin(&self, index: usize) -> Option<KeyValue> {
        match self.values.get(index)? {
            Value::Int(number) => bound::<DB, _>(&Some(*number)),
            Value::Real(number) => bound::<DB, _>(&Some(*number)),
            Value::Text(text) => bound::<DB, _>(&Some(text.clone())),
            Value::Null(_) => None,
        }
    }

    fn add_to(&self, arguments: &mut DB::Arguments) -> Result<()> {
        for value in &self.values {
            let added = match value {
                Value::Int(number) => arguments.add(Some(*number)),
                Value::Real(number) => arguments.add(Some(*number)),
                Value::Text(text) => arguments.add(Some(text.clone())),
                Value::Null(Kind::Int) => arguments.add(None::<i64>),
                Value::Null(Kind::Real) => arguments.add(None::<f64>),
                Value::Null(Kind::Text) => arguments.add(None::<String>),
            };
            added.map_err(|cause| Error::new(ErrorKind::Database, "a value cannot be bound").because(cause))?;
        }
        Ok(())
    }

    fn types(&self) -> Vec<DB::TypeInfo> {
        let of = |value: &Value| match value {
            Value::Int(_) | Value::Null(Kind::Int) => <Option<i64> as Type<DB>>::type_info(),
            Value::Real(_) | Value::Null(Kind::Real) => <Option<f64> as Type<DB>>::type_info(),
            Value::Text(_) | Value::Null(Kind::Text) => <Option<String> as Type<DB>>::type_info(),
        };
        self.values.iter().map(of).collect()
    }
}

/// A row as text: the names of its columns, and of each value its type and its bytes.
pub(crate) struct Told {
    names: String,
    values: String,
}

impl<'r, R: Row> FromRow<'r, R> for Told
where
    usize: ColumnIndex<R>,
    Vec<u8>: Decode<'r, R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let (mut names, mut text) = (String::new(), String::new());
        for (place, column) in row.columns().iter().enumerate() {
            let value = row.try_get_raw(place)?;
            names.push_str(sqlx::Column::name(column));
            names.push(' ');
            if value.is_null() {
                text.push_str("NULL ");
                continue;
            }
            let named = value.type_info().name().to_owned();
            let bytes = Vec::<u8>::decode(value).map_err(sqlx::Error::Decode)?;
            let _ = match (&*named, <[u8; 8]>::try_from(&*bytes)) {
                ("INT8", Ok(whole)) => write!(text, "{} ", i64::from_be_bytes(whole)),
                ("BIGINT", Ok(whole)) => write!(text, "{} ", i64::from_le_bytes(whole)),
                _ => write!(text, "{named}:{} ", bytes.escape_ascii()),
            };
        }
        Ok(Self { names, values: text })
    }
}

/// All rows, in an order that does not depend on how the database found them, and the names of their columns where those
/// are not said by the question.
pub(crate) fn sorted(rows: Vec<Told>, named: bool) -> String {
    let names = rows.first().filter(|_| named).map(|row| format!("[{}] ", row.names)).unwrap_or_default();
    let mut rows: Vec<String> = rows.into_iter().map(|row| row.values).collect();
    rows.sort_unstable();
    format!("{names}{}", rows.join("| "))
}
