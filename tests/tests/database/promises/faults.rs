//! What goes wrong beneath: calls that are given up, tables that change.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Error, ErrorKind, Result, cache_query};
use kit::Chance;
use sqlx::Connection as _;

use super::here::{Db, outside, place, sql};
use crate::rig::{Home, Outside, figure};

/// A machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);
/// A call is given up within this time.
const GIVEN: Duration = Duration::from_millis(5);

async fn home(connections: u32, overflow: u32, create: &[&str]) -> Home<Db> {
    let options = DatabaseOptions::new().max_connections(connections).overflow(overflow);
    let home = Home::new(place(), options.acquire_deadline(PATIENCE));
    for text in create {
        home.db.execute(sql(text), ()).await.unwrap();
    }
    home
}

/// `single` takes one row of a call, `whole` two, which are both there or neither.
const ROWS: [&str; 2] = [
    "CREATE TABLE single (id BIGINT PRIMARY KEY)",
    "CREATE TABLE whole (id BIGINT NOT NULL, half BIGINT NOT NULL, PRIMARY KEY (id, half))",
];
const HALF: &str = "INSERT INTO whole (id, half) VALUES (?, ?)";

#[cache_query(tables = ["single"])]
async fn singles(db: &Database<Db>) -> Result<i64> {
    Ok(db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM single"), ()).await?.0)
}

/// What was begun, and what callers were told that it is done.
#[derive(Default)]
struct Told {
    begun: AtomicI64,
    done: AtomicI64,
    single: Mutex<Vec<i64>>,
    whole: Mutex<Vec<i64>>,
}

/// One call, which succeeds if it is not given up.
async fn call(db: &Database<Db>, told: &Told, n: i64) {
    match n % 5 {
        0 => {
            told.begun.fetch_add(1, Ordering::SeqCst);
            db.execute(sql("INSERT INTO single (id) VALUES (?)"), (n,)).await.unwrap();
            told.done.fetch_add(1, Ordering::SeqCst);
            told.single.lock().unwrap().push(n);
        }
        1 => {
            let ids = db.fetch_all::<(i64,)>(sql("SELECT id FROM whole WHERE id > ?"), (n - 50,)).await.unwrap();
            let of = |id: i64| ids.iter().filter(|row| row.0 == id).count();
            assert!(ids.iter().all(|&(id,)| of(id) == 2), "half of a transaction is seen: {ids:?}");
        }
        2 => {
            let seen = db.transaction::<_, Error, _, _>(|tx| async move {
                tx.execute(sql(HALF), (n, 0_i64)).await?;
                tx.execute(sql(HALF), (n, 1_i64)).await?;
                tx.fetch_one::<(i64,)>(sql("SELECT count(*) FROM whole WHERE id = ?"), (n,)).await
            });
            assert_eq!(seen.await.unwrap(), (2,));
            told.whole.lock().unwrap().push(n);
        }
        3 => {
            let report = db.execute_batch(sql(HALF), [[n, 0], [n, 1]]).await.unwrap();
            assert_eq!((report.written, report.failed), (2, 0), "{report:?}");
            told.whole.lock().unwrap().push(n);
        }
        _ => {
            let least = told.done.load(Ordering::SeqCst);
            let count = singles(db).await.unwrap();
            let most = told.begun.load(Ordering::SeqCst);
            assert!((least..=most).contains(&count), "{least} were there before, {most} were begun, {count} are told");
        }
    }
}

/// Looks at a call so many times, and for so long; was it given up?
async fn given_up(call: impl Future<Output = ()>, mut looks: u64, after: Duration) -> bool {
    let mut call = pin!(call);
    let looked = poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(false),
        Poll::Pending if looks == 0 => Poll::Ready(true),
        Poll::Pending => {
            looks -= 1;
            Poll::Pending
        }
    });
    tokio::time::timeout(after, looked).await.unwrap_or(true)
}

/// Four callers; how many calls they gave up: of ten calls nine, some after a time, some at one of the first places where
/// a call waits, for timers know no less than a millisecond.
async fn storm(db: &Database<Db>, told: &Arc<Told>, calls: i64) -> u64 {
    let callers: Vec<_> = (0..4_u32)
        .map(|caller| {
            let (db, told) = (db.clone(), Arc::clone(told));
            tokio::spawn(async move {
                let mut chance = Chance::seeded(u64::from(70 + caller));
                let mut given = 0;
                for n in (i64::from(caller)..calls).step_by(4) {
                    let (looks, after) = match chance.below(10) {
                        0 => (u64::MAX, PATIENCE),
                        1..5 => (chance.below(8), GIVEN),
                        _ => (u64::MAX, chance.within(GIVEN)),
                    };
                    given += u64::from(given_up(call(&db, &told, n), looks, after).await);
                    // What was given up goes on, and there must be room for others to get somewhere.
                    while db.stats().waiting > 4 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                given
            })
        })
        .collect();
    let mut given = 0;
    for caller in callers {
        given += caller.await.unwrap();
    }
    given
}

/// Waits until the database looks like this from outside.
async fn seen(url: &str, awaited: &str, holds: impl Fn(Outside) -> bool) {
    let start = Instant::now();
    loop {
        let seen = outside(url).await;
        if holds(seen) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{awaited}: {seen:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What was given up has come to its end, and left nothing.
async fn calm(home: &Home<Db>) {
    let most = home.db.stats().most as usize;
    let start = Instant::now();
    loop {
        let stats = home.db.stats();
        if stats.waiting == 0 && stats.idle == stats.connections {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{stats:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The adviser looks at plans on a connection of its own, which it ends.
    seen(home.url(), "no transaction, and the pool's connections", |seen| {
        seen.transactions == 0 && seen.connections <= most
    })
    .await;
}

/// D7: calls of all kinds are given up at random moments; connections and transactions are all there, or ended,
/// afterwards, and of what callers were told nothing is missing and nothing is half there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_calls_that_are_given_up_leave_no_connection_and_no_transaction_behind() {
    let calls = if std::env::var_os("CACHED_FULL").is_some() { 10_000 } else { 2_000 };
    weathers(&home(2, 0, &ROWS).await, calls).await;
}

/// D7: nor do those that get a connection beyond the pool, or are still making one when they are given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_calls_that_are_given_up_leave_no_connection_beyond_the_pool_behind() {
    let home = home(1, 3, &ROWS).await;
    weathers(&home, 500).await;
    let beyond = home.db.stats().overflowed;
    assert!(beyond > 0, "there were such");
}

/// A storm, and then all is there, and nothing else.
async fn weathers(home: &Home<Db>, calls: i64) {
    let told = Arc::new(Told::default());
    let given = storm(&home.db, &told, calls).await;
    calm(home).await;
    for n in calls..calls + 40 {
        call(&home.db, &told, n).await;
    }
    calm(home).await;

    let there: Vec<(i64,)> = home.db.fetch_all(sql("SELECT id FROM single ORDER BY id"), ()).await.unwrap();
    assert_eq!(singles(&home.db).await.unwrap(), i64::try_from(there.len()).unwrap(), "nothing old is kept");
    let single = told.single.lock().unwrap().clone();
    let missing = single.iter().find(|id| there.binary_search(&(**id,)).is_err());
    assert_eq!(missing, None, "{} rows of {} calls", there.len(), single.len());
    let halves = sql("SELECT id, count(*) FROM whole GROUP BY id ORDER BY id");
    let there: Vec<(i64, i64)> = home.db.fetch_all(halves, ()).await.unwrap();
    assert!(there.iter().all(|row| row.1 == 2), "{:?}", there.iter().find(|row| row.1 != 2));
    let whole = told.whole.lock().unwrap().clone();
    let missing = whole.iter().find(|id| there.binary_search(&(**id, 2)).is_err());
    assert_eq!(missing, None, "{} pairs of {} calls", there.len(), whole.len());
    let done = single.len() + whole.len();
    figure("D7", format!("{given} of {calls} calls given up, {done} writes told as done, none missing"));
    let calls = calls.unsigned_abs();
    assert!(given > calls / 20 && done as u64 > calls / 40, "{given} given up, {done} writes done");
}

/// The control of D7: what a pool knows nothing of is seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_a_transaction_that_is_left_open_is_seen_from_outside() {
    let home = home(2, 0, &ROWS).await;
    calm(&home).await;
    let before = outside(home.url()).await;
    let pool = sqlx::Pool::<Db>::connect_lazy(home.url()).unwrap();
    let mut left = pool.acquire().await.unwrap().detach();
    for text in ["BEGIN", "INSERT INTO single (id) VALUES (1)"] {
        sqlx::raw_sql(sql(text)).execute(&mut left).await.unwrap();
    }
    assert_eq!(pool.size(), 0, "no pool has it");
    let one = |seen: Outside| seen.transactions == 1 && seen.connections == before.connections + 1;
    seen(home.url(), "one that is left open", one).await;
    left.close().await.unwrap();
    seen(home.url(), "as before", |seen| seen == before).await;
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Pair {
    a: i64,
    b: i64,
}

const PAIR: [&str; 2] =
    ["CREATE TABLE pair (a BIGINT NOT NULL, b BIGINT NOT NULL)", "INSERT INTO pair (a, b) VALUES (1, 2)"];

#[cache_query(tables = ["pair"])]
async fn kept(db: &Database<Db>) -> Result<(i64, i64)> {
    let pair: Pair = db.fetch_one(sql("SELECT * FROM pair"), ()).await?;
    Ok((pair.a, pair.b))
}

/// The ways to read the row: by the places of columns that are named, by their names, and by way of the cache.
async fn read(db: &Database<Db>, way: usize) -> Result<(i64, i64)> {
    match way {
        0 => db.fetch_one(sql("SELECT a, b FROM pair"), ()).await,
        1 => db.fetch_one::<Pair>(sql("SELECT * FROM pair"), ()).await.map(|pair| (pair.a, pair.b)),
        2 => db.fetch_all::<Pair>(sql("SELECT pair.* FROM pair"), ()).await.map(|rows| (rows[0].a, rows[0].b)),
        _ => kept(db).await,
    }
}

const WAYS: usize = 4;
/// The first answer, for ever: what a cache would do that heard of no change.
const REMEMBERED: usize = WAYS;

/// A table that changes while it is read, and what there is to be read of it after each change.
struct Changing {
    /// Nothing where a column is missing.
    right: Vec<Option<(i64, i64)>>,
    begun: AtomicUsize,
    done: AtomicUsize,
    reads: [AtomicUsize; WAYS + 1],
    first: tokio::sync::OnceCell<(i64, i64)>,
    refused: AtomicUsize,
    stop: AtomicBool,
}

impl Changing {
    fn new(right: Vec<Option<(i64, i64)>>) -> Arc<Self> {
        let none = AtomicUsize::default;
        let reads = std::array::from_fn(|_| none());
        let (first, stop) = (tokio::sync::OnceCell::new(), AtomicBool::new(false));
        Arc::new(Self { right, begun: none(), done: none(), reads, first, refused: none(), stop })
    }

    /// Reads until it is told to stop. An answer is right if it was so at some moment of the call; refused is nobody who
    /// asks while nothing changes and all is there.
    async fn watch(self: Arc<Self>, db: Database<Db>, way: usize) {
        while !self.stop.load(Ordering::SeqCst) {
            let from = self.done.load(Ordering::SeqCst);
            let answer = match way {
                REMEMBERED => self.first.get_or_try_init(|| read(&db, 0)).await.copied(),
                _ => read(&db, way).await,
            };
            let meanwhile = &self.right[from..=self.begun.load(Ordering::SeqCst)];
            match answer {
                Ok(pair) => assert!(meanwhile.contains(&Some(pair)), "way {way}: {pair:?}, but {meanwhile:?}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Database, "way {way}: {error:?}");
                    let is_whole = meanwhile.len() == 1 && meanwhile[0].is_some();
                    assert!(!is_whole, "way {way}: refused, with all there: {error:?}");
                    self.refused.fetch_add(1, Ordering::SeqCst);
                }
            }
            self.reads[way].fetch_add(1, Ordering::SeqCst);
            // A hit waits for nothing, and would leave nothing to others.
            tokio::task::yield_now().await;
        }
    }

    /// Changes the table step by step; each reader reads some times in between.
    async fn play(self: &Arc<Self>, db: &Database<Db>, steps: &[String]) {
        let readers: Vec<_> = (0..WAYS).map(|way| tokio::spawn(Arc::clone(self).watch(db.clone(), way))).collect();
        self.some_reads(&readers).await;
        for step in steps {
            self.begun.fetch_add(1, Ordering::SeqCst);
            db.execute(sql(step), ()).await.unwrap();
            self.done.fetch_add(1, Ordering::SeqCst);
            self.some_reads(&readers).await;
        }
        self.stop.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
        for way in 0..WAYS {
            assert_eq!(read(db, way).await.ok(), self.right[steps.len()], "at last, way {way}");
        }
    }

    async fn some_reads(&self, readers: &[tokio::task::JoinHandle<()>]) {
        let count = || self.reads.each_ref().map(|reads| reads.load(Ordering::SeqCst));
        let (before, start) = (count(), Instant::now());
        while count().iter().zip(before).take(WAYS).any(|(now, before)| *now < before + 5) {
            if readers.iter().any(tokio::task::JoinHandle::is_finished) {
                // It says why when it is waited for.
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{before:?} reads, then {:?}", count());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn reads(&self) -> usize {
        self.reads.iter().map(|reads| reads.load(Ordering::SeqCst)).sum()
    }
}

/// D8: a table gets columns while it is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_no_call_fails_because_a_table_has_changed() {
    let home = home(4, 0, &PAIR).await;
    let steps: Vec<_> = (0..10).map(|n| format!("ALTER TABLE pair ADD COLUMN more{n} BIGINT")).collect();
    let changing = Changing::new(vec![Some((1, 2)); 11]);
    changing.play(&home.db, &steps).await;
    let (reads, refused) = (changing.reads(), changing.refused.load(Ordering::SeqCst));
    figure("D8", format!("{reads} reads, 10 columns added, {refused} failed"));
    assert_eq!(refused, 0, "of {reads}");
    let misses = home.cache.stats().site("kept").unwrap().misses;
    assert!(misses > 1, "what was kept went with a change: {misses} misses");
}

/// D8: columns go, come back with other values, and take each other's names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_while_columns_go_and_change_names_an_answer_is_right_or_an_error() {
    let home = home(4, 0, &PAIR).await;
    let (mut steps, mut right, mut a) = (Vec::new(), vec![Some((1, 2))], 1);
    for n in 10..15 {
        let change = ["DROP COLUMN b", &format!("ADD COLUMN b BIGINT NOT NULL DEFAULT {n}")];
        let names = ["RENAME COLUMN a TO c", "RENAME COLUMN b TO a", "RENAME COLUMN c TO b"];
        steps.extend(change.iter().chain(&names).map(|change| format!("ALTER TABLE pair {change}")));
        right.extend([None, Some((a, n)), None, None, Some((n, a))]);
        a = n;
    }
    let changing = Changing::new(right);
    changing.play(&home.db, &steps).await;
    let refused = changing.refused.load(Ordering::SeqCst);
    figure("D8", format!("{} reads, {} changes, {refused} refused, 0 wrong", changing.reads(), steps.len()));
    assert!(refused > 0, "the control: a missing column is noticed");
}

/// The control of D8: an answer that outlives what it was made of is noticed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_an_answer_that_is_remembered_beyond_a_change_is_noticed() {
    let home = home(4, 0, &PAIR).await;
    let changing = Changing::new(vec![Some((1, 2)), None]);
    let reader = tokio::spawn(Arc::clone(&changing).watch(home.db.clone(), REMEMBERED));
    kit::until("it is remembered", PATIENCE, || changing.reads() > 0);
    changing.begun.fetch_add(1, Ordering::SeqCst);
    home.db.execute(sql("ALTER TABLE pair DROP COLUMN b"), ()).await.unwrap();
    changing.done.fetch_add(1, Ordering::SeqCst);
    assert!(reader.await.unwrap_err().is_panic());
}
