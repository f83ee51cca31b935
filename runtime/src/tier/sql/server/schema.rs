//! The tables: frames, the records not yet swept, and one row about the whole.

use super::dialect::Dialect;
use crate::tier::sql::tables::Tables;

/// The version of the tables.
pub(super) const VERSION: i64 = 1;

/// The longest key that is stored, in bytes; what makes keys makes none that is longer.
pub(super) const LONGEST_KEY: usize = 1_100;

/// The longest name of a group, in bytes.
pub(super) const LONGEST_GROUP: usize = 1_400;

/// The lock under which tables are made on PostgreSQL, where two who make one at once get in each other's way.
const LOCK: i64 = i64::from_be_bytes(*b"cached01");

/// The batches that make the tables where they are missing, in order.
///
/// The row about the whole comes last: who sees it sees all tables.
pub(super) fn create(dialect: Dialect, tables: &Tables) -> Vec<String> {
    let (t, serial, blob, engine) = (tables.prefix(), dialect.serial(), dialect.blob(), dialect.engine());
    let (key, group) = (dialect.name(LONGEST_KEY), dialect.name(LONGEST_GROUP));
    let counted = dialect.counted();
    let or_nothing = dialect.or_nothing("version");
    let all = [
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_frames \
             (id {serial}, name {key} NOT NULL UNIQUE, bytes BIGINT NOT NULL, frame {blob} NOT NULL{counted}){engine}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_log (id {serial}, epoch BIGINT NOT NULL, number BIGINT NOT NULL, \
             name {group} NOT NULL, UNIQUE (epoch, number, name)){engine}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_meta \
             (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, epoch BIGINT, number BIGINT){engine}"
        ),
        // What a node still owes the log that nodes share; and, of node 0 and without a name, how far that log was read.
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_notes (id {serial}, node BIGINT NOT NULL, name {group} NOT NULL, \
             place {group} NOT NULL, UNIQUE (node, name)){engine}"
        ),
        format!("INSERT INTO {t}_meta (id, version) VALUES (1, {VERSION}) {or_nothing}"),
    ];
    match dialect {
        // One batch is one transaction, which ends with it in any case: nothing is half made, no lock stays.
        Dialect::Postgres => {
            // Frames are compressed already.
            let store = format!("ALTER TABLE {t}_frames ALTER COLUMN frame SET STORAGE EXTERNAL");
            vec![format!("SELECT pg_advisory_xact_lock({LOCK}); {}; {store}", all.join("; "))]
        }
        Dialect::MySql => all.into(),
    }
}
