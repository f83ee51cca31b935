//! The two servers, so that each promise is written once.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use cached_runtime::Builder;
use cached_runtime::codec::Frame;
use cached_runtime::error::Result;
use cached_runtime::group::{Group, Position, Record};
use cached_runtime::key::Key;
use cached_runtime::testing::contract;
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::tier::{Step, Tidied, Tier};
use kit::{MariaDb, Postgres};

/// A database server of the kit.
pub(crate) trait Server: Sized + Send + Sync + 'static {
    const PASSWORD: &str;
    const WORD: &str;
    fn begin() -> Self;
    fn address(&self) -> String;
    fn address_of(&self, user: &str, password: &str) -> String;
    fn fall(&self);
    fn rise(&self);
    fn sql(&self, sql: &str) -> String;
    fn admit(&self, user: &str, password: &str);
    fn options_of(url: &str) -> Result<SqlOptions>;
    /// A cache with these tables as its last tier.
    fn add(builder: Builder, options: SqlOptions) -> Builder;
    /// The server that tests share; it ends with the last of them.
    fn shared() -> Arc<Self>;

    fn port(&self) -> u16 {
        let address = self.address();
        address.rsplit_once(':').and_then(|(_, rest)| rest.split_once('/')).unwrap().0.parse().unwrap()
    }

    /// Tables of this name, reached at another port.
    fn through(&self, port: u16, prefix: &str) -> SqlOptions {
        let url = self.address().replace(&format!(":{}/", self.port()), &format!(":{port}/"));
        Self::options_of(&url).unwrap().table_prefix(prefix).unwrap()
    }

    /// Where nobody was before.
    fn fresh(&self) -> SqlOptions {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let prefix = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self::options_of(&self.address()).unwrap().table_prefix(&prefix).unwrap()
    }
}

macro_rules! server {
    ($server:ident, $word:literal, $scheme:ident, $with:ident) => {
        impl Server for $server {
            const PASSWORD: &str = <kit::$server>::PASSWORD;
            const WORD: &str = $word;

            fn begin() -> Self {
                Self::start()
            }

            fn address(&self) -> String {
                self.url()
            }

            fn address_of(&self, user: &str, password: &str) -> String {
                self.url_of(user, password)
            }

            fn fall(&self) {
                self.kill();
            }

            fn rise(&self) {
                self.restart();
            }

            fn sql(&self, sql: &str) -> String {
                self.command(sql)
            }

            fn admit(&self, user: &str, password: &str) {
                self.add_user(user, password);
            }

            fn options_of(url: &str) -> Result<SqlOptions> {
                SqlOptions::$scheme(url)
            }

            fn add(builder: Builder, options: SqlOptions) -> Builder {
                builder.$with(options)
            }

            fn shared() -> Arc<Self> {
                static SHARED: Mutex<Weak<$server>> = Mutex::new(Weak::new());
                let mut shared = SHARED.lock().unwrap();
                shared.upgrade().unwrap_or_else(|| {
                    let server = Arc::new(Self::start());
                    *shared = Arc::downgrade(&server);
                    server
                })
            }
        }
    };
}

server!(Postgres, "postgres", postgres, postgres_with);
server!(MariaDb, "mysql", mysql, mysql_with);

/// Makes a test of each name for both servers.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test::<kit::Postgres>().await;
            })*
        }

        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test::<kit::MariaDb>().await;
            })*
        }
    };
}
pub(crate) use on_both;

/// A table of the numbers from 1 to this one, at most 100,000, as `n`: MariaDB and MySQL have no word for it in common.
pub(crate) fn numbers(last: u32) -> String {
    let digit = |name: &str| {
        let rest: String = (1..10).map(|n| format!(" UNION ALL SELECT {n}")).collect();
        format!("(SELECT 0 AS n{rest}) {name}")
    };
    let digits = ["a", "b", "c", "d", "e"].map(digit).join(", ");
    let all = format!("SELECT 1 + a.n + 10 * (b.n + 10 * (c.n + 10 * (d.n + 10 * e.n))) AS n FROM {digits}");
    format!("({all}) numbers WHERE n <= {last}")
}

pub(crate) fn key(name: &str) -> Key {
    Key::from_stored(name)
}

pub(crate) fn record(epoch: u64, number: u64, group: Group) -> Record {
    Record { group, position: Position { epoch, number } }
}

pub(crate) fn tag(number: u64, name: &str) -> Record {
    record(1, number, Group::Tag(name.into()))
}

pub(crate) async fn put(tier: &Sql, name: &str, payload: &[u8]) -> Result<()> {
    tier.put(&[contract::frame(name, payload)]).await.map(drop)
}

/// What a tier has under a key.
pub(crate) async fn payload(tier: &Sql, name: &str) -> Result<Option<Vec<u8>>> {
    let found = tier.get(&[key(name)]).await?.pop().unwrap();
    Ok(found.map(|bytes| Frame::read(bytes).unwrap().payload().to_vec()))
}

pub(crate) fn step(entries: usize) -> Step<'static> {
    Step { entries, now: contract::NOW, keep: &|_| true, forget: None }
}

/// Upkeep until it comes round.
pub(crate) async fn round(tier: &Sql) -> Tidied {
    loop {
        let done = tier.tidy(step(64)).await.unwrap();
        if done.wrapped {
            return done;
        }
    }
}

/// Tries until it works, at most so long; how long it took.
pub(crate) async fn until_it_works(tier: &Sql, limit: Duration) -> Duration {
    let start = Instant::now();
    loop {
        match put(tier, "again", b"again").await {
            Ok(()) => return start.elapsed(),
            Err(e) => assert!(start.elapsed() < limit, "{e:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Makes a call again while a busy machine keeps the server from answering in time; every other failure is one.
pub(crate) async fn patiently<T, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> T {
    let start = Instant::now();
    loop {
        match call().await {
            Ok(done) => return done,
            Err(e) => {
                let stalled = e.to_string().contains("does not answer") && start.elapsed() < Duration::from_secs(30);
                assert!(stalled, "{e:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
