//! The tables of the log: its head, its entries, the last place of each group, and who may load what for all nodes.

use crate::tier::sql::server::dialect::Dialect;
use crate::tier::sql::server::schema::{LONGEST_GROUP, LONGEST_KEY};
use crate::tier::sql::tables::Tables;

/// The version of the tables.
pub(super) const VERSION: i64 = 2;

/// The lock under which tables are made on PostgreSQL, where two who make one at once get in each other's way.
const LOCK: i64 = i64::from_be_bytes(*b"cached02");

/// The batches that make the tables where they are missing, in order; the head comes last: who sees it sees all tables.
///
/// An entry is one group of one invalidation. The entries of keys are their fences as well: who stores a frame looks
/// there for its key.
pub(super) fn create(dialect: Dialect, tables: &Tables) -> Vec<String> {
    let (t, engine) = (tables.prefix(), dialect.engine());
    let (key, group) = (dialect.name(LONGEST_KEY), dialect.name(LONGEST_GROUP));
    let or_nothing = dialect.or_nothing("version");
    let all = [
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_entries (number BIGINT NOT NULL PRIMARY KEY, nonce BIGINT NOT NULL, \
             node BIGINT NOT NULL, name {group} NOT NULL, UNIQUE (name, number)){engine}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_groups (name {group} NOT NULL PRIMARY KEY, number BIGINT NOT NULL){engine}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_leases (name {key} NOT NULL PRIMARY KEY, token BIGINT NOT NULL, \
             lasts BIGINT NOT NULL){engine}"
        ),
        // Of epoch 0, which is none: the first who looks begins one.
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_head (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, \
             epoch BIGINT NOT NULL, number BIGINT NOT NULL, trimmed BIGINT NOT NULL, grouped BIGINT NOT NULL, \
             namer BIGINT NOT NULL, keyed BIGINT NOT NULL, keyed_before BIGINT NOT NULL){engine}"
        ),
        format!("INSERT INTO {t}_head VALUES (1, {VERSION}, 0, 0, 0, 0, 0, 0, 0) {or_nothing}"),
    ];
    match dialect {
        // One batch is one transaction, which ends with it in any case: nothing is half made, no lock stays.
        Dialect::Postgres => vec![format!("SELECT pg_advisory_xact_lock({LOCK}); {}", all.join("; "))],
        Dialect::MySql => all.into(),
    }
}
