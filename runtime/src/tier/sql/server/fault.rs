//! What a failure of a server or of the way to it means, and what to do about it.

use sqlx::error::DatabaseError;

use crate::error::ErrorKind;
use crate::tier::fault::{Fault, Harm};

/// A failure, and whether the same statement may be sent once more. All of ours have the same effect twice as once.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) fault: Fault,
    pub(super) next: Next,
}

/// What may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing.
    Tell,
    /// The same connection: another node was in the way.
    Again,
    /// Another connection: this one is of no use any more.
    Another,
}

const GONE: &str = "the connection to the database was lost; it is made again";

impl From<sqlx::Error> for Trouble {
    fn from(source: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let (next, fault) = match &source {
            E::Database(e) => return Self::told(&**e),
            E::Io(_) | E::Protocol(_) | E::WorkerCrashed => (Next::Another, Fault::new(Harm::Handle, GONE)),
            E::Tls(_) => (Next::Tell, Fault::new(Harm::Handle, GONE)),
            E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::ColumnIndexOutOfBounds { .. } => {
                (Next::Tell, strange())
            }
            _ => (Next::Tell, Fault::new(Harm::Passing, "the database failed")),
        };
        Self { next, fault: fault.because(source) }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self { next: Next::Tell, fault }
    }
}

impl Trouble {
    /// What the server said. Of its words only the first sentence is kept: the details of some quote stored values.
    fn told(e: &dyn DatabaseError) -> Self {
        let (next, fault) = reason(e);
        let code = e.code().unwrap_or_default();
        Self { next, fault: fault.because(format!("{code}: {}", e.message())) }
    }
}

/// The tables are there, and hold what this version does not write.
///
/// They are not begun anew, for they may be those of nodes that are newer.
pub(super) const fn strange() -> Fault {
    let say = "the tables are of another version or another application; give this one a table_prefix of its own";
    Fault::new(Harm::Handle, say).of(ErrorKind::Config)
}

/// A table is missing: it is made when the store opens.
pub(super) const MISSING: Fault = Fault::new(Harm::Handle, "tables are missing; they are made anew");

/// The server has not answered for so long that it will not.
pub(super) const SILENT: Fault = Fault::new(Harm::Handle, "the database does not answer; it is tried again");

/// One of several connections that stand together is gone.
pub(super) const LOST: Fault = Fault::new(Harm::Handle, GONE);

/// All connections are at work.
pub(super) const BUSY: Fault = Fault::new(Harm::Passing, "all connections are busy; give the tier more of them");

fn reason(e: &dyn DatabaseError) -> (Next, Fault) {
    #[cfg(feature = "postgres")]
    if e.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return postgres(&e.code().unwrap_or_default(), e.message());
    }
    #[cfg(feature = "mysql")]
    if let Some(e) = e.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return mysql(e.number());
    }
    let _ = e;
    (Next::Tell, Fault::new(Harm::Passing, "the database failed"))
}

/// Something an operator has to change.
const fn change(say: &'static str) -> (Next, Fault) {
    (Next::Tell, Fault::new(Harm::Handle, say).of(ErrorKind::Config))
}

/// Something that may pass by itself.
const fn passing(say: &'static str) -> (Next, Fault) {
    (Next::Tell, Fault::new(Harm::Passing, say))
}

const PASSWORD: &str = "the database refuses this user or password; check those in the URL";
const DATABASE: &str = "there is no such database on the server; create it or name another in the URL";
const RIGHTS: &str = "the user may not make or use the tables; grant it CREATE, or make them and grant \
                      SELECT, INSERT, UPDATE and DELETE";
const CONFLICT: &str = "other nodes are in the way; it is tried again";
const SLOW: &str = "the database takes too long";
const FULL: &str = "the database or its disk is full; make room for it";
const READ_ONLY: &str = "the database takes no writes; name its primary in the URL";
const CROWDED: &str = "the database has too many connections; give it more, or the tier fewer";

/// A server that repeats what another writes: what it says of a log may be old.
pub(super) const REPLICA: Fault = Fault::new(Harm::Handle, READ_ONLY).of(ErrorKind::Config);

#[cfg(feature = "postgres")]
fn postgres(code: &str, message: &str) -> (Next, Fault) {
    match code {
        "28P01" | "28000" => change(PASSWORD),
        "3D000" => change(DATABASE),
        "42501" => change(RIGHTS),
        "42P01" => (Next::Tell, MISSING),
        "42703" | "42804" | "42P10" => (Next::Tell, strange()),
        "3F000" => change("there is no schema to make tables in; set the user's search_path"),
        // The plan that this connection has prepared is of a table that was changed since (sqlx#1250).
        "0A000" if message.starts_with("cached plan") => (Next::Another, Fault::new(Harm::Handle, GONE)),
        // A proxy gave us another server's connection, or somebody has thrown its plans away.
        "26000" | "42P05" => (Next::Another, Fault::new(Harm::Handle, GONE)),
        // The server ends, or has ended this connection.
        _ if code.starts_with("57P") || code.starts_with("08") || code == "25P03" => {
            (Next::Another, Fault::new(Harm::Handle, GONE))
        }
        "40001" | "40P01" | "55P03" => (Next::Again, Fault::new(Harm::Passing, CONFLICT)),
        // Two who make the same tables, where the lock around it did not hold.
        "23505" | "42P07" => (Next::Again, Fault::new(Harm::Passing, CONFLICT)),
        "57014" => passing(SLOW),
        "53100" | "53200" => passing(FULL),
        "53300" => passing(CROWDED),
        "25006" => passing(READ_ONLY),
        _ => passing("the database failed"),
    }
}

#[cfg(feature = "mysql")]
fn mysql(number: u16) -> (Next, Fault) {
    match number {
        1045 | 1698 | 1251 => change(PASSWORD),
        1044 | 1049 | 1046 => change(DATABASE),
        1142 | 1143 | 1227 | 1370 => change(RIGHTS),
        1146 => (Next::Tell, MISSING),
        1054 | 1136 => (Next::Tell, strange()),
        // To be prepared anew; unknown statement.
        1615 | 1243 => (Next::Another, Fault::new(Harm::Handle, GONE)),
        // Shutting down; this connection was killed or aborted.
        1053 | 1077 | 1152 | 1927 => (Next::Another, Fault::new(Harm::Handle, GONE)),
        1205 | 1213 | 1020 | 1050 => (Next::Again, Fault::new(Harm::Passing, CONFLICT)),
        1317 | 1969 | 3024 => passing(SLOW),
        1021 | 1041 | 1114 => passing(FULL),
        1040 | 1203 => passing(CROWDED),
        1290 | 1792 | 1836 => passing(READ_ONLY),
        1153 => {
            let say =
                "a frame is larger than the server's max_allowed_packet; raise it, or lower the cache's max_value";
            (Next::Another, Fault::new(Harm::Passing, say).of(ErrorKind::TooLarge))
        }
        _ => passing("the database failed"),
    }
}

/// What a failure to connect means.
pub(super) fn refused(source: sqlx::Error, insists_on_tls: bool) -> Fault {
    use sqlx::Error as E;
    let say = match &source {
        E::Database(e) => {
            let Trouble { fault, .. } = Trouble::told(&**e);
            return fault;
        }
        E::Io(_) => "the database cannot be reached; check that it runs, and the host and port in the URL",
        E::Tls(_) | E::Configuration(_) if insists_on_tls => {
            "no encrypted connection; switch on a feature `tls-…` of sqlx, and see that the server speaks TLS"
        }
        E::Tls(_) | E::Configuration(_) => {
            "the server wants the password encrypted; switch on a feature `tls-…` or `mysql-rsa` of sqlx"
        }
        _ => "the database cannot be reached",
    };
    let kind = if matches!(source, E::Tls(_) | E::Configuration(_)) { ErrorKind::Config } else { ErrorKind::Tier };
    Fault::new(Harm::Handle, say).of(kind).because(source)
}
