//! Indexes that are walked from end to end, as SQLite does when it is asked for all rows in their order.

use cached_runtime::database::Advice;

use crate::rig::sqlite::{Db, place, sql};
use crate::rig::{Home, patient};

async fn home(tables: &[&str]) -> Home<Db> {
    let home = Home::new(place(), patient());
    for text in tables {
        home.db.execute(sql(text), ()).await.unwrap();
    }
    home
}

async fn advice(home: &Home<Db>, query: &str) -> Advice {
    let _: Vec<(i64,)> = home.db.fetch_all(sql(query), ()).await.unwrap();
    home.db.advice().await.unwrap()
}

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_only_walked_is_not_proved() {
    let home = home(&[
        "CREATE TABLE airport (code TEXT PRIMARY KEY, name TEXT NOT NULL)",
        "CREATE TABLE route (origin TEXT NOT NULL, flights INTEGER NOT NULL)",
        "CREATE INDEX route_origin ON route (origin)",
        &format!("INSERT INTO airport {NUMBERS} SELECT 'a' || i, 'name' FROM n"),
        &format!("INSERT INTO route {NUMBERS} SELECT 'a' || i, i FROM n"),
    ])
    .await;
    let all = "SELECT count(flights) FROM airport LEFT JOIN route ON origin = code GROUP BY code ORDER BY sum(flights)";
    let advice = advice(&home, all).await;
    assert!(advice.indexes.is_empty(), "{advice}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_walks_an_index_of_some_rows_reads_no_whole_table() {
    let tables = [
        "CREATE TABLE video (id INTEGER PRIMARY KEY, title TEXT NOT NULL)".to_owned(),
        "CREATE TABLE task (id INTEGER PRIMARY KEY, video INTEGER NOT NULL, done INTEGER NOT NULL, due INTEGER NOT NULL)"
            .to_owned(),
        format!("INSERT INTO video {NUMBERS} SELECT i, 'title' FROM n"),
        format!("INSERT INTO task {NUMBERS} SELECT i, i, i % 100 <> 0, i FROM n"),
    ];
    let home = home(&tables.each_ref().map(String::as_str)).await;
    let open = "SELECT t.id FROM task t JOIN video v ON v.id = t.video WHERE t.done = 0 ORDER BY t.due LIMIT 10";
    let before = advice(&home, open).await;
    assert_eq!(before.full_scans.len(), 1, "{before}");
    home.db.execute(sql("CREATE INDEX task_open ON task (due) WHERE done = 0"), ()).await.unwrap();
    let after = advice(&home, open).await;
    assert!(after.full_scans.is_empty() && after.indexes.is_empty(), "{after}");
}
