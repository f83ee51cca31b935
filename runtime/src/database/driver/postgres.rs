//! PostgreSQL.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgArgumentBuffer, PgDatabaseError, PgSeverity, PgTypeInfo};
use sqlx::{Postgres, TypeInfo as _};

use super::{Address, Answer, Done, Driver, Pools, Sealed, Text, calls, pool};
use crate::database::catalog::facts::Facts;
use crate::database::catalog::postgres;
use crate::database::failure::{Fault, Next};
use crate::database::key_value::{self, KeyValue};
use crate::database::options::DatabaseOptions;
use crate::statement::Backend;

impl Driver for Postgres {}

impl Sealed for Postgres {
    const BACKEND: Backend = Backend::Postgres;
    const BEGIN: &'static str = "BEGIN";
    const TYPES_PREPARED: bool = true;

    fn pools(address: Address<Self>, options: &DatabaseOptions) -> Pools<Self> {
        let address = address.statement_cache_capacity(options.statement_cache);
        Pools { readers: pool::<Self>(address, options, options.max_connections), writer: None, alone: false }
    }

    fn unsaid(address: &Address<Self>) -> Option<String> {
        address.get_options().map(str::to_owned)
    }

    calls!(rows);
    calls!(run, |_| None);

    fn pin(info: &PgTypeInfo, buffer: &PgArgumentBuffer) -> Option<KeyValue> {
        match info.name() {
            "INT2" | "INT4" | "INT8" => key_value::big_endian(buffer),
            "TEXT" | "VARCHAR" | "CHAR" => KeyValue::text(std::str::from_utf8(buffer).ok()?),
            _ => None,
        }
    }

    fn catalog(connection: &mut Self::Connection) -> Answer<'_, Facts> {
        Box::pin(postgres::facts(connection))
    }

    fn crowded(error: &dyn DatabaseError) -> bool {
        error.code().as_deref() == Some("53300")
    }

    fn outage(error: &dyn DatabaseError) -> Option<Next> {
        let code = error.code()?;
        // Ended by an operator, or by a server that goes down. A statement may meet such codes elsewhere, and tell of them.
        let fatal = error
            .try_downcast_ref::<PgDatabaseError>()
            .is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic));
        match &*code {
            // A table has changed under a prepared statement. All connections may have prepared it before.
            "0A000" if error.message().contains("cached plan") => Some(Next::Anew),
            _ if fatal => Some(Next::Another),
            _ => None,
        }
    }

    fn fault(error: &dyn DatabaseError) -> Fault {
        let code = error.code().unwrap_or_default();
        match (&*code, code.get(..2).unwrap_or_default()) {
            // Not serializable, a deadlock, a lock that was not to be had.
            ("40001" | "40P01" | "55P03", _) => Fault::Again,
            // A row met twice by one statement, values that are wrong, constraints, a view's own check, `RAISE`.
            (_, "21" | "22" | "23" | "44" | "P0") => Fault::Row,
            _ => Fault::Statement,
        }
    }

    const MOST_VALUES: usize = 65_535;
}
