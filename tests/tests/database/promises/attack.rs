//! What looks as if it were about a few rows, and is about others.

use cached_runtime::database::Database;
use cached_runtime::{Error, ErrorKind, Result, cache_query};

use super::here::{Db, place, sql};
use crate::rig::{Home, patient};

type Handle = Database<Db>;

#[cache_query(sql = "SELECT id FROM node WHERE id = :id")]
async fn node(db: &Handle, id: i64) -> Result<Vec<i64>>;

#[cache_query(sql = "SELECT n FROM branch WHERE id = :id")]
async fn branch(db: &Handle, id: i64) -> Result<Vec<i64>>;

#[cache_query(sql = "SELECT n FROM numbered WHERE id = :id")]
async fn numbered(db: &Handle, id: i64) -> Result<Vec<i64>>;

#[cache_query(sql = "SELECT text FROM caption WHERE video = :video ORDER BY id")]
async fn texts(db: &Handle, video: i64) -> Result<Vec<String>>;

#[cache_query(sql = "SELECT text FROM shown ORDER BY text")]
async fn shown(db: &Handle) -> Result<Vec<String>>;

#[cache_query(sql = "SELECT text FROM caption WHERE video = 1 XOR 1 AND id = 10 ORDER BY id")]
async fn either(db: &Handle) -> Result<Vec<String>>;

/// Which database this is.
fn is(name: &str) -> bool {
    std::any::type_name::<Db>().ends_with(name)
}

async fn home(schema: &[&str]) -> Home<Db> {
    let home = Home::new(place(), patient());
    for text in schema {
        home.db.execute(sql(text), ()).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    home
}

const CAPTIONS: &[&str] = &[
    "CREATE TABLE caption (id BIGINT PRIMARY KEY, video BIGINT NOT NULL, text VARCHAR(40) NOT NULL)",
    "INSERT INTO caption (id, video, text) VALUES (10, 1, 'a'), (11, 1, 'b')",
];

/// A program that knows nothing of handles.
async fn behind(db: &Handle, text: &'static str) {
    sqlx::raw_sql(text).execute(db.pool()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_go_with_others_of_their_own_table_are_not_kept() {
    let home = home(&[
        "CREATE TABLE node (id BIGINT PRIMARY KEY, parent BIGINT, \
         FOREIGN KEY (parent) REFERENCES node (id) ON DELETE CASCADE)",
        "INSERT INTO node (id, parent) VALUES (1, NULL), (2, 1), (3, NULL)",
    ])
    .await;
    let db = &home.db;
    assert_eq!(node(db, 2).await.unwrap(), [2]);
    db.execute(sql("DELETE FROM node WHERE id = ?"), (1_i64,)).await.unwrap();
    assert_eq!(node(db, 2).await.unwrap(), [0; 0]);
    assert_eq!((node(db, 4).await.unwrap(), node(db, 5).await.unwrap()), (vec![], vec![]));
    db.execute(sql("INSERT INTO node (id, parent) VALUES (?, NULL)"), (4_i64,)).await.unwrap();
    assert!(node::peek(db, 4).await.is_none() && node::peek(db, 5).await.is_some(), "to add one changes no others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_go_round_about_through_another_table_are_not_kept() {
    let home = home(&[
        "CREATE TABLE branch (id BIGINT PRIMARY KEY, n BIGINT, up BIGINT)",
        "CREATE TABLE twig (id BIGINT PRIMARY KEY, branch BIGINT, \
         FOREIGN KEY (branch) REFERENCES branch (id) ON DELETE CASCADE)",
    ])
    .await;
    let db = &home.db;
    db.execute(sql("INSERT INTO branch (id, n, up) VALUES (1, 1, NULL)"), ()).await.unwrap();
    db.execute(sql("INSERT INTO twig (id, branch) VALUES (7, 1)"), ()).await.unwrap();
    if is("Postgres") || is("MySql") {
        behind(db, "ALTER TABLE branch ADD CONSTRAINT up FOREIGN KEY (up) REFERENCES twig (id) ON DELETE CASCADE")
            .await;
    } else {
        let text = "CREATE TRIGGER pruned AFTER DELETE ON twig BEGIN DELETE FROM branch WHERE up = OLD.id; END";
        behind(db, text).await;
    }
    db.schema_changed().await;
    db.execute(sql("INSERT INTO branch (id, n, up) VALUES (2, 2, 7)"), ()).await.unwrap();
    assert_eq!(branch(db, 2).await.unwrap(), [2]);
    db.execute(sql("DELETE FROM branch WHERE id = ?"), (1_i64,)).await.unwrap();
    assert_eq!(branch(db, 2).await.unwrap(), [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zero_that_becomes_the_next_number_is_not_taken_for_zero() {
    if !is("MySql") {
        return;
    }
    let home = home(&["CREATE TABLE numbered (id BIGINT PRIMARY KEY AUTO_INCREMENT, n BIGINT)"]).await;
    let db = &home.db;
    assert_eq!(numbered(db, 1).await.unwrap(), [0; 0]);
    db.execute(sql("INSERT INTO numbered (id, n) VALUES (?, ?)"), (0_i64, 5_i64)).await.unwrap();
    assert_eq!(numbered(db, 1).await.unwrap(), [5]);
    assert_eq!(numbered(db, 2).await.unwrap(), [0; 0]);
    let report = db.execute_batch(sql("INSERT INTO numbered (id, n) VALUES (?, 6)"), [(0_i64,)]).await.unwrap();
    assert_eq!(report.written, 1);
    assert_eq!(numbered(db, 2).await.unwrap(), [6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_changed_by_another_name_pins_no_rows() {
    if !is("Sqlite") {
        return;
    }
    let home = home(&[
        "CREATE TABLE numbered (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO numbered (id, n) VALUES (3, 3)",
    ])
    .await;
    let db = &home.db;
    for (name, from, to) in [("rowid", 3_i64, 5_i64), ("oid", 5, 6), ("\"_ROWID_\"", 6, 7)] {
        assert_eq!(numbered(db, to).await.unwrap(), [0; 0]);
        db.execute(sql(&format!("UPDATE numbered SET {name} = {to} WHERE id = {from}")), ()).await.unwrap();
        assert_eq!(numbered(db, to).await.unwrap(), [3], "{name}");
    }
    assert_eq!(numbered(db, 9).await.unwrap(), [0; 0]);
    db.execute(sql("INSERT INTO numbered (id, rowid, n) VALUES (8, 9, 9)"), ()).await.unwrap();
    let now: Vec<(i64,)> = db.fetch_all(sql("SELECT n FROM numbered WHERE id = 9"), ()).await.unwrap();
    assert_eq!(numbered(db, 9).await.unwrap(), now.into_iter().map(|row| row.0).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_that_bind_otherwise_than_they_look_are_not_relied_upon() {
    if !is("MySql") {
        return;
    }
    let home = home(CAPTIONS).await;
    let db = &home.db;
    assert_eq!(either(db).await.unwrap(), ["b"]);
    db.execute(sql("UPDATE caption SET text = 'new' WHERE id = ?"), (11_i64,)).await.unwrap();
    assert_eq!(either(db).await.unwrap(), ["new"]);
}

/// What it tells by the old schema does not name what is read by the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_over_which_the_schema_changes_leaves_nothing_old() {
    let home = home(CAPTIONS).await;
    let db = &home.db;
    assert_eq!(texts(db, 1).await.unwrap(), ["a", "b"]);
    behind(db, "CREATE INDEX caption_video ON caption (video)").await;
    let other = db.clone();
    db.transaction(|tx| async move {
        tx.execute(sql("UPDATE caption SET text = 'new' WHERE id = ?"), (10_i64,)).await?;
        other.schema_changed().await;
        assert_eq!(texts(&other, 1).await?, ["a", "b"], "it is not committed");
        assert!(texts::peek(&other, 1).await.is_some());
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!(texts(db, 1).await.unwrap(), ["new", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_was_rolled_back_is_not_believed() {
    if is("MySql") {
        return;
    }
    let home = home(CAPTIONS).await;
    let db = &home.db;
    db.execute(sql("CREATE VIEW shown AS SELECT text FROM caption"), ()).await.unwrap();
    let other = db.clone();
    let refused: Result<()> = db
        .transaction(|tx| async move {
            tx.execute(sql("DROP VIEW shown"), ()).await?;
            // It is asked for anew by the next that writes.
            other.schema_changed().await;
            tx.execute(sql("UPDATE caption SET text = 'never' WHERE id = ?"), (10_i64,)).await?;
            Err(Error::new(ErrorKind::Config, "no"))
        })
        .await;
    refused.unwrap_err();
    assert_eq!(shown(db).await.unwrap(), ["a", "b"]);
    db.execute(sql("UPDATE caption SET text = 'c' WHERE id = ?"), (10_i64,)).await.unwrap();
    assert_eq!(shown(db).await.unwrap(), ["b", "c"]);
}
