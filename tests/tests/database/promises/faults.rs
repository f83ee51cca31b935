//! What goes wrong beneath: calls that are given up, tables that change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cached_runtime::Error;
use cached_runtime::database::{Database, DatabaseOptions};
use kit::Chance;

use super::here::{Db, place, sql};
use crate::rig::{Home, figure};

/// A machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

async fn home(connections: u32) -> Home<Db> {
    let home = Home::new(place(), DatabaseOptions::new().max_connections(connections).acquire_deadline(PATIENCE));
    home.db.execute(sql("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)"), ()).await.unwrap();
    home.db.execute(sql("INSERT INTO t (id, n) VALUES (1, 0)"), ()).await.unwrap();
    home
}

async fn call(db: &Database<Db>, which: u64) -> Result<(), Error> {
    match which % 4 {
        0 => drop(db.fetch_all::<(i64, i64)>(sql("SELECT id, n FROM t"), ()).await?),
        1 => drop(db.execute(sql("UPDATE t SET n = n + 1 WHERE id = ?"), (1_i64,)).await?),
        2 => {
            db.transaction(|tx| async move {
                tx.execute(sql("UPDATE t SET n = n + 1 WHERE id = ?"), (1_i64,)).await?;
                tx.fetch_one::<(i64,)>(sql("SELECT n FROM t WHERE id = ?"), (1_i64,)).await
            })
            .await?;
        }
        _ => drop(db.fetch_optional::<(i64,)>(sql("SELECT n FROM t WHERE id = ?"), (1_i64,)).await?),
    }
    Ok(())
}

/// D7: calls are given up at random moments; connections and transactions are all there, or ended, afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d7_calls_that_are_given_up_leave_no_connection_and_no_transaction_behind() {
    let calls: u64 = if std::env::var_os("CACHED_FULL").is_some() { 10_000 } else { 2_000 };
    let home = home(2).await;
    let mut chance = Chance::seeded(7);
    let mut given_up = 0;
    for n in 0..calls {
        let after = Duration::from_micros(chance.below(1_500));
        given_up += u64::from(tokio::time::timeout(after, call(&home.db, n)).await.is_err());
    }
    for n in 0..40 {
        call(&home.db, n).await.unwrap();
    }
    assert!(given_up > calls / 50, "{given_up} of {calls} given up");
    assert!(home.db.pool().size() <= 2);
    figure("D7", format!("{given_up} of {calls} calls given up"));
}

/// D8: a table gets a column while it is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_no_call_fails_because_a_table_has_changed() {
    let home = home(4).await;
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (db, stop) = (home.db.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut reads = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    db.fetch_all::<(i64, i64)>(sql("SELECT * FROM t"), ()).await.unwrap();
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for n in 0..10 {
        tokio::time::sleep(Duration::from_millis(30)).await;
        home.db.execute(sql(&format!("ALTER TABLE t ADD COLUMN more{n} BIGINT")), ()).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut reads = 0;
    for reader in readers {
        reads += reader.await.unwrap();
    }
    figure("D8", format!("{reads} reads, 10 columns added, 0 failed"));
    assert!(reads > 40);
}
