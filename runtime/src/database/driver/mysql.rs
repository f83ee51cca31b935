//! MySQL and MariaDB.

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlDatabaseError, MySqlTypeInfo};
use sqlx::{MySql, TypeInfo as _};

use super::{Address, Answer, Done, Driver, Pools, Sealed, Text, calls, pool};
use crate::database::catalog::facts::Facts;
use crate::database::catalog::mysql;
use crate::database::failure::{Fault, Next};
use crate::database::key_value::{self, KeyValue};
use crate::database::options::DatabaseOptions;
use crate::statement::Backend;

impl Driver for MySql {}

impl Sealed for MySql {
    const BACKEND: Backend = Backend::Mysql;
    const BEGIN: &'static str = "START TRANSACTION";

    fn pools(address: Address<Self>, options: &DatabaseOptions) -> Pools<Self> {
        let address = address.statement_cache_capacity(options.statement_cache);
        Pools { readers: pool::<Self>(address, options, options.max_connections), writer: None, alone: false }
    }

    calls!(rows);
    calls!(run, |done| i64::try_from(done.last_insert_id()).ok().filter(|&id| id != 0));

    fn pin(info: &MySqlTypeInfo, buffer: &Vec<u8>) -> Option<KeyValue> {
        let name = info.name();
        match name.strip_suffix(" UNSIGNED").unwrap_or(name) {
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                key_value::little_endian(buffer, !name.ends_with("UNSIGNED"))
            }
            "CHAR" | "VARCHAR" | "TEXT" => {
                let (length, text) = buffer.split_first()?;
                // One that is longer has more bytes for its length, and pins nothing.
                let text = std::str::from_utf8(text).ok().filter(|text| text.len() == usize::from(*length))?;
                KeyValue::text(text)
            }
            _ => None,
        }
    }

    fn catalog(connection: &mut Self::Connection) -> Answer<'_, Facts> {
        Box::pin(mysql::facts(connection))
    }

    fn crowded(error: &dyn DatabaseError) -> bool {
        error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| matches!(error.number(), 1040 | 1203))
    }

    fn outage(error: &dyn DatabaseError) -> Option<Next> {
        match error.try_downcast_ref::<MySqlDatabaseError>()?.number() {
            // The server goes down, or an operator has ended the connection.
            1053 | 1077 | 1079 | 1927 | 4031 => Some(Next::Another),
            _ => None,
        }
    }

    fn fault(error: &dyn DatabaseError) -> Fault {
        let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() else { return Fault::Statement };
        match (error.number(), error.code().and_then(|state| state.get(..2)).unwrap_or_default()) {
            // A lock that was not to be had, a deadlock.
            (1205 | 1213, _) => Fault::Again,
            // Values that are wrong, constraints, `SIGNAL`; some have no class of their own.
            (_, "22" | "23" | "45") | (1265 | 1364 | 1366 | 1644 | 3140 | 3819 | 4025, _) => Fault::Row,
            _ => Fault::Statement,
        }
    }

    const MOST_VALUES: usize = 65_535;
}
