//! Many rows for one statement: what is written, what is told of the rest, and what goes on when nobody waits.

use std::error::Error as _;
use std::future::IntoFuture as _;
use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::Duration;

use cached_runtime::database::{BatchProgress, Database, DatabaseOptions, cause};
use cached_runtime::{Error, ErrorKind, Result, cache_query};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;

use super::here::{Db, place, sql};
use crate::rig::Home;

const INSERT: &str = "INSERT INTO video (id, title) VALUES (?, ?)";
const PATIENCE: Duration = Duration::from_secs(30);

async fn home() -> Home<Db> {
    let home = Home::new(place(), DatabaseOptions::new().acquire_deadline(PATIENCE));
    home.db.execute(sql("CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)"), ()).await.unwrap();
    home.keep("videos", &["video"]);
    home
}

fn rows(ids: impl Iterator<Item = i64>) -> Vec<(i64, String)> {
    ids.map(|id| (id, format!("title {id}"))).collect()
}

async fn count(db: &Database<Db>) -> i64 {
    db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM video"), ()).await.unwrap().0
}

fn is_mysql() -> bool {
    std::any::type_name::<Db>().contains("MySql")
}

#[cache_query(tables = ["video"])]
async fn title(db: &Database<Db>, id: i64) -> Result<Option<String>> {
    let row = db.fetch_optional::<(String,)>(sql("SELECT title FROM video WHERE id = ?"), (id,)).await?;
    Ok(row.map(|row| row.0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_rows_are_written_and_told_as_they_come() {
    let home = home().await;
    let (mut told, kept) = (Vec::new(), Mutex::new(Vec::new()));
    let batch = home.db.execute_batch(sql(INSERT), rows(0..10_050)).progress(|progress| told.push(progress));
    let report = batch.await.unwrap();
    assert_eq!((report.total, report.written, report.affected, report.failed), (10_050, 10_050, 10_050, 0));
    assert_eq!((report.batches, told.len()), (101, 101), "a hundred rows to a transaction, and the rest");
    assert!(told.windows(2).all(|pair| pair[1].done > pair[0].done), "{told:?}");
    assert_eq!(told.last(), Some(&BatchProgress { done: 10_050, total: 10_050, failed: 0 }));
    assert_eq!(count(&home.db).await, 10_050);
    let some: Vec<(i64, String)> = home
        .db
        .fetch_all(sql("SELECT id, title FROM video WHERE id IN (0, 99, 100, 10049) ORDER BY id"), ())
        .await
        .unwrap();
    assert_eq!(some, rows([0, 99, 100, 10_049].into_iter()), "each row has its own values");
    let large = home.db.execute_batch(sql(INSERT), rows(20_000..60_000)).batch_size(40_000);
    let large = large.progress(|progress| kept.lock().unwrap().push(progress)).await.unwrap();
    assert_eq!(
        (large.written, large.batches, kept.into_inner().unwrap().len()),
        (40_000, 1, 1),
        "more than one statement takes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_fails_is_named_and_the_others_are_kept() {
    let home = home().await;
    home.db.execute(sql(INSERT), (17_i64, "there already")).await.unwrap();
    let mut all = rows(0..500);
    all[250].0 = 249;
    let batch = home.db.execute_batch(sql(INSERT), all);
    let report = batch.await.unwrap();
    let named: Vec<usize> = report.failures.iter().map(|failure| failure.row).collect();
    assert_eq!((named, report.failed, report.written, report.affected), (vec![17, 250], 2, 498, 498));
    for failure in &report.failures {
        assert_eq!(failure.error.kind(), ErrorKind::Database);
        assert!(cause(&failure.error).unwrap().as_database_error().unwrap().is_unique_violation());
    }
    assert_eq!(count(&home.db).await, 499);
    assert!(!home.has("videos").await);
    let stopped = report.complete().unwrap_err();
    assert_eq!((stopped.error().context("row"), stopped.report().failed), (Some("17"), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_rows_that_fail_a_hundred_are_named_and_all_are_counted() {
    let home = home().await;
    let _ = home.db.execute_batch(sql(INSERT), rows(0..300)).await.unwrap();
    let report = home.db.execute_batch(sql(INSERT), rows(0..301)).batch_size(64).await.unwrap();
    assert_eq!((report.failures.len(), report.failed, report.written), (100, 300, 1));
    assert!(report.failures.iter().map(|failure| failure.row).eq(0..100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_refused_only_at_the_commit_is_named_too() {
    let home = home().await;
    let deferred = if is_mysql() { "" } else { "DEFERRABLE INITIALLY DEFERRED" };
    home.db
        .execute(
            sql(&format!(
                "CREATE TABLE part (id BIGINT PRIMARY KEY, video BIGINT, FOREIGN KEY (video) REFERENCES video (id) {deferred})"
            )),
            (),
        )
        .await
        .unwrap();
    let _ = home.db.execute_batch(sql(INSERT), rows(0..10)).await.unwrap();
    home.keep("parts", &["part"]);
    let parts: Vec<(i64, i64)> = (0..20).map(|id| (id, if id == 13 { 99 } else { id % 10 })).collect();
    let report =
        home.db.execute_batch(sql("INSERT INTO part (id, video) VALUES (?, ?)"), parts).batch_size(10).await.unwrap();
    assert_eq!((report.failed, report.failures[0].row, report.written), (1, 13, 19));
    let (count,): (i64,) = home.db.fetch_one(sql("SELECT count(*) FROM part"), ()).await.unwrap();
    assert_eq!(count, 19);
    assert!(!home.has("parts").await);
}

/// A value that some rows cannot give to the driver.
struct Even(i64);

impl sqlx::Type<Db> for Even {
    fn type_info() -> <Db as sqlx::Database>::TypeInfo {
        <i64 as sqlx::Type<Db>>::type_info()
    }
}

impl sqlx::Encode<'_, Db> for Even {
    fn encode_by_ref(
        &self,
        out: &mut <Db as sqlx::Database>::ArgumentBuffer,
    ) -> std::result::Result<IsNull, BoxDynError> {
        if self.0 % 2 == 0 { <i64 as sqlx::Encode<Db>>::encode_by_ref(&self.0, out) } else { Err("odd".into()) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_bound_is_its_row_s_failure() {
    let home = home().await;
    let all: Vec<(&str, Even)> = (0..8).map(|id| ("title", Even(id))).collect();
    let insert = if !std::any::type_name::<Db>().contains("Postgres") {
        "INSERT INTO video (title, id) VALUES (?, ?)".to_owned()
    } else {
        "INSERT INTO video (title, id) VALUES ($1, $2)".to_owned()
    };
    let report = home.db.execute_batch(sqlx::AssertSqlSafe(insert), all).batch_size(4).await.unwrap();
    assert!(report.failures.iter().map(|failure| failure.row).eq([1, 3, 5, 7]), "{report:?}");
    assert_eq!(report.failures[0].error.context("parameter"), Some("2"));
    assert_eq!((report.written, count(&home.db).await), (4, 4));
    let none = home.db.execute_batch(sql(INSERT), [(Even(1), "x"), (Even(3), "y")]).await.unwrap();
    assert_eq!((none.written, none.failed, none.batches), (0, 2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_with_too_few_values_is_named_before_anything_is_written() {
    let home = home().await;
    home.db.execute(sql("CREATE TABLE pair (a BIGINT, b BIGINT)"), ()).await.unwrap();
    home.keep("videos", &["video"]);
    let mut all: Vec<Vec<i64>> = (0..400).map(|id| vec![id, id]).collect();
    all[317].pop();
    let stopped = home.db.execute_batch(sql("INSERT INTO pair (a, b) VALUES (?, ?)"), all).await.unwrap_err();
    let said = |name| stopped.error().context(name);
    assert_eq!((said("row"), said("parameters"), said("values")), (Some("317"), Some("2"), Some("1")));
    assert_eq!(stopped.report().written, 0);
    let (count,): (i64,) = home.db.fetch_one(sql("SELECT count(*) FROM pair"), ()).await.unwrap();
    assert_eq!(count, 0);
    assert!(home.has("videos").await, "nothing became untrue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_writes_no_rows_is_refused() {
    let home = home().await;
    for text in [
        "SELECT title FROM video WHERE id = ?",
        "BEGIN",
        "CREATE TABLE more (id BIGINT)",
        "DELETE FROM video WHERE id = ?; DELETE FROM video",
    ] {
        let stopped = home.db.execute_batch(sql(text), [(1_i64,)]).await.unwrap_err();
        assert_eq!(stopped.error().kind(), ErrorKind::Config, "{text}: {stopped}");
    }
    assert_eq!(Error::from(home.db.execute_batch(sql("SELECT 1"), [()]).await.unwrap_err()).kind(), ErrorKind::Config);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rows_are_no_work_and_no_invalidation() {
    let home = home().await;
    let report = home.db.execute_batch(sql(INSERT), Vec::<(i64, String)>::new()).await.unwrap();
    assert_eq!((report.total, report.written, report.batches), (0, 0, 0));
    assert!(home.has("videos").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_is_wrong_stops_and_does_not_fail_row_by_row() {
    let home = home().await;
    let mut calls = 0;
    let batch = home.db.execute_batch(sql("INSERT INTO nowhere (id, title) VALUES (?, ?)"), rows(0..1_000));
    let stopped = batch.progress(|_| calls += 1).await.unwrap_err();
    assert_eq!((stopped.error().kind(), stopped.report().failed, calls), (ErrorKind::Database, 0, 0), "{stopped}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_invalid_after_each_transaction_of_a_batch() {
    let home = home().await;
    assert_eq!(title(&home.db, 7).await.unwrap(), None);
    let home = &home;
    let (seen, runtime) = (Mutex::new(Vec::new()), tokio::runtime::Handle::current());
    let batch = home.db.execute_batch(sql(INSERT), rows(0..300)).progress(|_| {
        let has = tokio::task::block_in_place(|| runtime.block_on(home.has("videos")));
        home.keep("videos", &["video"]);
        seen.lock().unwrap().push(has);
    });
    let _ = batch.await.unwrap();
    assert_eq!(seen.into_inner().unwrap(), [false; 3]);
    assert_eq!(title(&home.db, 7).await.unwrap().as_deref(), Some("title 7"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_goes_away_leaves_the_transaction_under_way_to_its_end_and_no_further_one_begins() {
    let home = home().await;
    let mut batch = home.db.execute_batch(sql(INSERT), rows(0..1_000)).into_future();
    assert!(batch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(batch);
    while home.has("videos").await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(count(&home.db).await, 100);
    // One that nobody ever waited for has not begun.
    drop(home.db.execute_batch(sql(INSERT), rows(2_000..3_000)));
    // The writer's turn comes after all that had begun.
    let after = home.db.transaction(|tx| async move { Ok::<_, Error>(count(&tx).await) }).await.unwrap();
    assert_eq!(after, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_plain_insert_runs_row_by_row() {
    let home = home().await;
    let _ = home.db.execute_batch(sql(INSERT), rows(0..200)).await.unwrap();
    let update = sql("UPDATE video SET title = ? WHERE id >= ? AND id < ?");
    let changes: Vec<(String, i64, i64)> = (0..15).map(|n| (format!("new {n}"), n * 20, n * 20 + 20)).collect();
    let report = home.db.execute_batch(update, changes).batch_size(4).await.unwrap();
    assert_eq!((report.written, report.affected, report.batches), (15, 200, 4));
    assert_eq!(title(&home.db, 45).await.unwrap().as_deref(), Some("new 2"));
    let report = home.db.execute_batch(sql("DELETE FROM video WHERE id = ?"), (0..150).map(|id| [id])).await.unwrap();
    assert_eq!((report.written, report.affected, count(&home.db).await), (150, 150, 50));
    let copy = sql("INSERT INTO video (id, title) SELECT id + ?, title FROM video WHERE id = ?");
    let report = home.db.execute_batch(copy, [(1_000_i64, 170_i64), (0, 171), (1_000, 172)]).await.unwrap();
    assert_eq!((report.written, report.failures[0].row, count(&home.db).await), (2, 1, 52));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_meet_each_other_in_an_upsert_follow_one_another() {
    let home = home().await;
    let upsert = if is_mysql() {
        "INSERT INTO video (id, title) VALUES (?, ?) ON DUPLICATE KEY UPDATE title = VALUES(title)"
    } else {
        "INSERT INTO video (id, title) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title"
    };
    let all: Vec<(i64, String)> = (0..100).map(|n| (n % 10, format!("title {n}"))).collect();
    let report = home.db.execute_batch(sql(upsert), all).await.unwrap();
    assert_eq!((report.written, report.failed, count(&home.db).await), (100, 0, 10));
    assert_eq!(title(&home.db, 3).await.unwrap().as_deref(), Some("title 93"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_transaction_a_row_that_fails_leaves_no_trace_and_the_rest_stands_or_falls_with_it() {
    let home = home().await;
    let report = home
        .db
        .transaction(|tx| async move {
            tx.execute(sql(INSERT), (5_i64, "first")).await?;
            let report = tx.execute_batch(sql(INSERT), rows(0..250)).await?;
            tx.execute(sql(INSERT), (1_000_i64, "last")).await?;
            assert_eq!(count(&tx).await, 251);
            Ok::<_, Error>(report)
        })
        .await
        .unwrap();
    assert_eq!((report.written, report.failures[0].row, report.failed), (249, 5, 1));
    assert_eq!(count(&home.db).await, 251);
    assert!(!home.has("videos").await);
    home.keep("videos", &["video"]);
    let all_or_none: Result<()> = home
        .db
        .transaction(|tx| async move {
            tx.execute_batch(sql(INSERT), rows(900..1_100)).await?.complete()?;
            Ok(())
        })
        .await;
    let error = all_or_none.unwrap_err();
    assert_eq!(
        (error.context("row"), error.context("failed"), error.context("rows")),
        (Some("100"), Some("1"), Some("200"))
    );
    assert_eq!(count(&home.db).await, 251);
    assert!(home.has("videos").await, "rolled back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_a_transaction_that_is_given_up_goes_back_with_it() {
    let home = home().await;
    let scope = home.db.transaction(|tx| async move {
        let mut batch = tx.execute_batch(sql(INSERT), rows(0..1_000)).into_future();
        assert!(batch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(batch);
        Err::<(), _>(Error::new(ErrorKind::Database, "given up"))
    });
    assert!(scope.await.unwrap_err().to_string().contains("given up"));
    assert_eq!(count(&home.db).await, 0);
    let report = home.db.execute_batch(sql(INSERT), rows(0..10)).await.unwrap();
    assert_eq!((report.written, count(&home.db).await), (10, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_report_shows_a_value() {
    let home = home().await;
    let all: Vec<(i64, String)> = (0..3).map(|_| (1, "s3cret".to_owned())).collect();
    let batch = home.db.execute_batch(sql(INSERT), all);
    assert!(!format!("{batch:?}").contains("s3cret"));
    let report = batch.await.unwrap();
    assert_eq!(report.failed, 2);
    let shown = format!("{report:?}");
    let stopped = report.complete().unwrap_err();
    let shown = format!("{shown} {stopped} {stopped:?} {}", stopped.source().unwrap());
    let shown = format!("{shown} {}", Error::from(stopped));
    assert!(!shown.contains("s3cret") && shown.contains("row: 1"), "{shown}");
}
