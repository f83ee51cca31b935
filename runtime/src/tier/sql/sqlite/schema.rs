//! The tables: frames, the records not yet swept, and one row about the whole.

use crate::clock::Millis;
use crate::tier::sql::tables::Tables;

/// The version of the tables; a store of another version is set aside.
pub(super) const VERSION: i64 = 1;

/// What numbers rows in order of arrival, and never uses a number again.
const SERIAL: &str = "INTEGER PRIMARY KEY AUTOINCREMENT";

/// Text that is compared byte by byte.
const TEXT: &str = "TEXT COLLATE BINARY";

/// The statements that make the tables where they are missing, in order.
pub(super) fn create(tables: &Tables, now: Millis) -> [String; 5] {
    let t = tables.prefix();
    [
        // The frame comes last: a walk that needs the small columns does not read through the large one.
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_frames \
             (id {SERIAL}, key {TEXT} NOT NULL UNIQUE, bytes BIGINT NOT NULL, frame BLOB NOT NULL)"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_log (id {SERIAL}, epoch BIGINT NOT NULL, number BIGINT NOT NULL, \
             name {TEXT} NOT NULL, UNIQUE (epoch, number, name))"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {t}_meta (id BIGINT PRIMARY KEY CHECK (id = 1), version BIGINT NOT NULL, \
             created BIGINT NOT NULL, epoch BIGINT, number BIGINT, entries BIGINT NOT NULL, bytes BIGINT NOT NULL)"
        ),
        // `o` and the text of a group: the shared log is still to be told of it. `c`: how far that log was read.
        format!("CREATE TABLE IF NOT EXISTS {t}_notes (name {TEXT} PRIMARY KEY, value {TEXT} NOT NULL)"),
        format!(
            "INSERT INTO {t}_meta (id, version, created, entries, bytes) VALUES (1, {VERSION}, {now}, 0, 0) \
             ON CONFLICT DO NOTHING"
        ),
    ]
}
