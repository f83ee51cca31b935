//! Opening a SQLite file: whose it is, what a failure says about it, and beginning anew where that helps.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Sqlite};

use super::schema;
use super::statements::Statements;
use super::store::Store;
use super::{File, Room};
use crate::clock::{Clock, Millis};
use crate::group::Note;
use crate::tier::aside;
use crate::tier::fault::{Fault, Harm};

/// The files that SQLite keeps beside a database.
pub(super) const COMPANIONS: &[&str] = &["-wal", "-shm", "-journal"];

/// Marks a file as ours, in its header: "cach".
const APPLICATION: i32 = i32::from_be_bytes(*b"cach");

/// Earlier ones can corrupt a database when they reset its write-ahead log.
const OLDEST: (u32, u32, u32) = (3, 51, 3);

/// How long a statement waits for a lock, and a call for a connection.
const WAIT: Duration = Duration::from_millis(100);
/// How long to wait for a connection of our own pool. Longer: who asks has a deadline of its own, and a turn comes.
const TURN: Duration = Duration::from_secs(1);

/// How many reads run side by side.
const READERS: u32 = 4;

impl From<sqlx::Error> for Fault {
    fn from(source: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let (harm, message) = match &source {
            E::Database(e) => {
                let code = e.code().and_then(|code| code.parse().ok()).unwrap_or_default();
                sqlite_harm(code, e.message())
            }
            E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::ColumnIndexOutOfBounds { .. } => {
                (Harm::Damage, "the database holds something strange; it is set aside")
            }
            E::WorkerCrashed | E::PoolClosed => (Harm::Handle, "the database was closed; it is opened again"),
            E::PoolTimedOut => (Harm::Passing, "all connections are busy"),
            _ => (Harm::Passing, "the database failed"),
        };
        Self::new(harm, message).because(source)
    }
}

fn sqlite_harm(code: u32, message: &str) -> (Harm, &'static str) {
    const SHORT_READ: u32 = 522;
    const MOVED: u32 = 1032;
    match (code, code & 0xff) {
        (MOVED, _) => (Harm::Damage, "the database file was moved; what stands there now is not trusted"),
        (SHORT_READ, _) | (_, 11 | 26) => (Harm::Damage, "the database is damaged; it is set aside and begun anew"),
        (_, 1) if message.starts_with("no such") => (Harm::Damage, "tables are missing; the database is begun anew"),
        (_, 5 | 6) => (Harm::Passing, "the database is locked by another connection"),
        (_, 13) => (Harm::Passing, "the database or its disk is full; make room for it"),
        (_, 3 | 8 | 14) => (Harm::Passing, "the database cannot be written; check its owner and permissions"),
        _ => (Harm::Passing, "the database failed"),
    }
}

impl Room {
    /// Opens what is there, or begins anew if it is damaged, marked, or made at a time not trusted.
    pub(super) async fn opened(&self, distrusted: Millis) -> Result<Store, Fault> {
        let mut owed = Vec::new();
        match open(&self.options).await {
            Ok(store) if !self.distrust.marked() && store.created > distrusted => {
                return Ok(store);
            }
            Ok(store) => {
                // What others are still to be told is as true as before.
                owed = store.recall().await.map(|recall| recall.owed).unwrap_or_default();
                store.close().await;
                aside::told("sqlite", &self.options.path, aside::MISSED);
            }
            Err(fault) if fault.harm == Harm::Passing => return Err(fault),
            Err(fault) => aside::told("sqlite", &self.options.path, fault.message()),
        }
        aside::set_aside(&self.options.path, COMPANIONS)?;
        self.door.count_aside();
        let fresh = open(&self.options).await?;
        if !owed.is_empty() {
            fresh.note(&Note::Owed(owed)).await?;
        }
        self.distrust.settle();
        Ok(fresh)
    }
}

async fn open(options: &File) -> Result<Store, Fault> {
    make_file(&options.path)?;
    let (writer, readers) = (pool(options, 1), pool(options, READERS));
    let now = Clock::system().now();
    let opened = async {
        let (writer, readers) = (&writer, &readers);
        check_version(writer).await?;
        claim(writer).await?;
        restrict(&options.path)?;
        // Waits for nobody; once done, it is written in the file and does nothing.
        sqlx::query("PRAGMA journal_mode = WAL").execute(writer).await?;
        for sql in schema::create(&options.tables, now) {
            sqlx::query(AssertSqlSafe(sql)).execute(writer).await?;
        }
        let statements = Statements::new(&options.tables);
        Store::new(statements, writer.clone(), readers.clone(), aside::identity(&options.path), options.max_bytes).await
    };
    let opened = opened.await;
    if opened.is_err() {
        writer.close().await;
        readers.close().await;
    }
    opened
}

/// Makes the file, so that only this user can read it; what SQLite adds beside it gets the same permissions.
fn make_file(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut new = OpenOptions::new();
    new.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    match new.open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

fn pool(options: &File, connections: u32) -> SqlitePool {
    // The tier's own bound is soft: it counts frames, and pages hold them with gaps. This one is hard.
    let most_pages = options.max_bytes.saturating_mul(3).saturating_add(64 << 20) / 4096;
    let connect = SqliteConnectOptions::new()
        .filename(&options.path)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(WAIT)
        .pragma("cache_size", "-4096")
        .pragma("temp_store", "MEMORY")
        .pragma("max_page_count", most_pages.min(u64::from(u32::MAX - 1)).to_string())
        .thread_name(|n| format!("cached-sqlite-{n}"))
        .disable_statement_logging();
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(TURN)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(connect)
}

async fn check_version(pool: &SqlitePool) -> Result<(), Fault> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(pool).await?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) >= OLDEST {
        return Ok(());
    }
    let old = "the SQLite library can corrupt databases; build with libsqlite3-sys 0.37 or newer";
    Err(Fault::new(Harm::Passing, old).because(format!("sqlite {version}")))
}

/// Makes sure that the file is ours: marked, or empty and marked now.
async fn claim(pool: &SqlitePool) -> Result<(), Fault> {
    let mark: i32 = sqlx::query_scalar::<Sqlite, i32>("PRAGMA application_id").fetch_one(pool).await?;
    if mark == APPLICATION {
        return Ok(());
    }
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(pool).await?;
    if mark != 0 || tables != 0 {
        return Err(Fault::new(Harm::Passing, "this file belongs to another application; give the cache its own"));
    }
    sqlx::query(AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION}"))).execute(pool).await?;
    Ok(())
}

/// Takes the file, now known to be ours, away from other users.
#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

/// Permissions of other systems are those of the directory.
#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}
