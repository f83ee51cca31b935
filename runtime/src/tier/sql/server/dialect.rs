//! The SQL that differs between servers.

use xxhash_rust::xxh3::xxh3_64;

/// A server whose SQL we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(all(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "each is made with its feature")
)]
pub(in crate::tier::sql) enum Dialect {
    Postgres,
    /// MySQL, and MariaDB as far as both agree.
    MySql,
}

/// How long a connection for transactions may be silent between them: such ones are asked more often than that.
const MYSQL_WAITS: &str = "SET SESSION wait_timeout = 10";

/// And within one. MariaDB has a setting for just that, MySQL has not.
const MYSQL_WAITS_LESS: &str = "SET SESSION wait_timeout = 2";

impl Dialect {
    /// The word for it.
    pub(in crate::tier::sql) const fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }

    /// The n-th parameter of a statement, from 1.
    pub(super) fn parameter(self, n: usize) -> String {
        match self {
            Self::Postgres => format!("${n}"),
            Self::MySql => "?".to_owned(),
        }
    }

    /// The type of a column that numbers its rows in order of arrival.
    pub(super) const fn serial(self) -> &'static str {
        match self {
            Self::Postgres => "BIGSERIAL PRIMARY KEY",
            Self::MySql => "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
        }
    }

    /// The type of a column of names.
    ///
    /// Bytes, not text: a text has collations, of which some take `a` for `A` and most `a` for `a `, and a character
    /// set that not every key is written in.
    pub(super) fn name(self, longest: usize) -> String {
        match self {
            Self::Postgres => "BYTEA".to_owned(),
            Self::MySql => format!("VARBINARY({longest})"),
        }
    }

    /// The type of a column of frames.
    pub(super) const fn blob(self) -> &'static str {
        match self {
            Self::Postgres => "BYTEA",
            Self::MySql => "LONGBLOB",
        }
    }

    /// What is added to the columns of frames, so that all of them can be counted without reading them.
    pub(super) const fn counted(self) -> &'static str {
        match self {
            // Long frames are kept apart from their rows there.
            Self::Postgres => "",
            Self::MySql => ", INDEX (id, bytes)",
        }
    }

    /// Asks for the version of the server, as bytes.
    pub(super) const fn version(self) -> &'static str {
        match self {
            Self::Postgres => "SELECT convert_to(current_setting('server_version'), 'UTF8')",
            Self::MySql => "SELECT CAST(version() AS BINARY)",
        }
    }

    /// What follows the columns of a table.
    pub(super) const fn engine(self) -> &'static str {
        match self {
            Self::Postgres => "",
            Self::MySql => " ENGINE=InnoDB ROW_FORMAT=DYNAMIC",
        }
    }

    /// An exact sum as a 64-bit number: what a sum is by itself differs.
    pub(super) fn sum(self, column: &str) -> String {
        let kind = match self {
            Self::Postgres => "BIGINT",
            Self::MySql => "SIGNED",
        };
        format!("CAST(coalesce(sum({column}), 0) AS {kind})")
    }

    /// What makes an `INSERT` of a row that is there already do nothing; `column` is one of the row's.
    pub(super) fn or_nothing(self, column: &str) -> String {
        match self {
            Self::Postgres => "ON CONFLICT DO NOTHING".to_owned(),
            // `INSERT IGNORE` would ignore every other trouble as well.
            Self::MySql => format!("ON DUPLICATE KEY UPDATE {column} = {column}"),
        }
    }

    /// What makes an `INSERT` of a row that is there already change a column; `unique` are those it is known by.
    pub(super) fn or_update(self, unique: &str, column: &str) -> String {
        match self {
            Self::Postgres => format!("ON CONFLICT ({unique}) DO UPDATE SET {column} = EXCLUDED.{column}"),
            Self::MySql => format!("ON DUPLICATE KEY UPDATE {column} = VALUES({column})"),
        }
    }

    /// What makes an `INSERT` of a row that is there already raise a number; `unique` is what it is known by.
    pub(super) fn or_raise(self, table: &str, unique: &str, column: &str) -> String {
        match self {
            Self::Postgres => {
                format!("ON CONFLICT ({unique}) DO UPDATE SET {column} = greatest({table}.{column}, EXCLUDED.{column})")
            }
            Self::MySql => format!("ON DUPLICATE KEY UPDATE {column} = greatest({column}, VALUES({column}))"),
        }
    }

    /// The server's time in milliseconds.
    pub(super) const fn now(self) -> &'static str {
        match self {
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
            Self::MySql => "CAST(unix_timestamp(now(3)) * 1000 AS SIGNED)",
        }
    }

    /// Asks whether the server only repeats what another one writes: 1 if so, else 0.
    pub(super) const fn repeats(self) -> &'static str {
        match self {
            Self::Postgres => "SELECT CAST(CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END AS BIGINT)",
            // Nothing better can be asked without a right of its own.
            Self::MySql => "SELECT CAST(@@global.read_only AS SIGNED)",
        }
    }

    /// What begins a transaction that nobody appends beside; as the only one, or together with others that do not append
    /// either. Whoever waits has its turn in the order of asking.
    ///
    /// On PostgreSQL no lock of the row: there those who share it could keep out one who wants it alone.
    pub(super) fn begin(self, head: &str, alone: bool) -> String {
        match self {
            Self::Postgres => {
                let shared = if alone { "" } else { "_shared" };
                let lock = xxh3_64(head.as_bytes()).cast_signed();
                format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock{shared}({lock})")
            }
            Self::MySql => {
                let lock = if alone { "FOR UPDATE" } else { "LOCK IN SHARE MODE" };
                format!("{MYSQL_WAITS_LESS}; START TRANSACTION; SELECT id FROM {head} WHERE id = 1 {lock}")
            }
        }
    }

    /// What ends a transaction.
    pub(super) fn commit(self) -> String {
        match self {
            Self::Postgres => "COMMIT".to_owned(),
            Self::MySql => format!("COMMIT; {MYSQL_WAITS}"),
        }
    }

    /// The same, and wakes who listens, where there is a way to.
    pub(super) fn told(self, channel: &str) -> String {
        match self {
            Self::Postgres => format!("NOTIFY {channel}; COMMIT"),
            Self::MySql => self.commit(),
        }
    }

    /// What ends a transaction without effect.
    pub(super) fn rollback(self) -> String {
        match self {
            Self::Postgres => "ROLLBACK".to_owned(),
            Self::MySql => format!("ROLLBACK; {MYSQL_WAITS}"),
        }
    }

    /// What makes an `INSERT` of a lease take the place of one that has ended, and of no other; where there is a way to,
    /// it answers the token if it did.
    pub(super) fn or_succeed(self, leases: &str) -> String {
        let now = self.now();
        match self {
            Self::Postgres => format!(
                "ON CONFLICT (name) DO UPDATE SET token = EXCLUDED.token, lasts = EXCLUDED.lasts \
                 WHERE {leases}.lasts < {now} RETURNING token"
            ),
            // Set in this order: each looks at the old time.
            Self::MySql => format!(
                "ON DUPLICATE KEY UPDATE token = if(lasts < {now}, VALUES(token), token), \
                 lasts = if(lasts < {now}, VALUES(lasts), lasts)"
            ),
        }
    }

    /// What goes around `INTO table (name, bytes, frame) VALUES …` so that a row takes the place of an older one of its
    /// name *and a new number*: the oldest go first, and what was written again is new.
    pub(super) const fn replace(self) -> (&'static str, &'static str) {
        match self {
            Self::Postgres => (
                "INSERT",
                "ON CONFLICT (name) DO UPDATE SET id = EXCLUDED.id, bytes = EXCLUDED.bytes, frame = EXCLUDED.frame",
            ),
            // `ON DUPLICATE KEY UPDATE` has no way to name the new number.
            Self::MySql => ("REPLACE", ""),
        }
    }

    /// What a connection for transactions is told as well: one whose node stands still in the middle must not keep
    /// others waiting.
    pub(super) const fn transacting(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["SET idle_in_transaction_session_timeout = 2000"],
            Self::MySql => &[MYSQL_WAITS],
        }
    }

    /// What a new connection is told first. All of it may be refused: then the server's own settings hold.
    ///
    /// A statement ends on the server before we give it up here, so that none takes effect after one that was sent later.
    pub(super) const fn greeting(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["SET statement_timeout = 1500", "SET lock_timeout = 1000"],
            Self::MySql => &[
                "SET SESSION autocommit = 1",
                "SET SESSION innodb_lock_wait_timeout = 1",
                // Fewer locks between rows, hence fewer deadlocks among nodes that write side by side.
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                // MariaDB's; MySQL has one for reads only.
                "SET SESSION max_statement_time = 1.5",
            ],
        }
    }
}
