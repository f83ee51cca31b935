//! What the queries answer: plain structs, which the cache stores as they are.

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

/// Structs whose fields are the columns of a row.
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $(pub $field: $type,)*
        }

        impl FromRow<'_, SqliteRow> for $name {
            fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
                Ok(Self { $($field: row.try_get(stringify!($field))?,)* })
            }
        }
    )*};
}

rows! {
    Airport { code: String, name: String, city: String, state: String, lat: f64, lon: f64 }

    Route { destination: String, flights: i64 }

    /// A way with one stop.
    Connection { via: String, flights: i64 }

    Network { airports: i64, routes: i64, flights: i64, busiest: String }
}
