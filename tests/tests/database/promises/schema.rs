//! What a write touches besides what it names, as the schema says.

use std::collections::BTreeSet;

use cached_runtime::ErrorKind;
use cached_runtime::database::Database;
use cached_runtime::statement::Tables;

use super::here::{Db, place, sql};
use crate::rig::{Home, patient};

/// Which database this is.
fn is(name: &str) -> bool {
    std::any::type_name::<Db>().ends_with(name)
}

async fn home(schema: &[&str]) -> Home<Db> {
    let home = Home::new(place(), patient());
    run(&home.db, schema).await;
    home
}

async fn run(db: &Database<Db>, texts: &[&str]) {
    for text in texts {
        db.execute(sql(text), ())
            .await
            .unwrap_or_else(|error| panic!("{text}: {error} {:?}", cached_runtime::database::cause(&error)));
    }
}

/// The names of what would be written, or `*`.
async fn written(db: &Database<Db>, text: &str) -> String {
    match db.writes(text).await.unwrap() {
        Tables::Named(names) => names.into_iter().collect::<Vec<_>>().join(" "),
        Tables::Any => "*".to_owned(),
    }
}

/// A trigger that does this after an event. PostgreSQL's need a function.
async fn trigger(db: &Database<Db>, name: &str, event: &str, table: &str, body: &str) {
    if is("Postgres") {
        let function = format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NULL; END $$"
        );
        let made = format!("CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()");
        run(db, &[&function, &made]).await;
    } else {
        let text = format!("CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW BEGIN {body}; END");
        // MySQL prepares no such statement.
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(db.pool()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_seen_in_views_over_views() {
    let home = home(&[
        "CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100))",
        "CREATE TABLE other (id BIGINT PRIMARY KEY)",
        "CREATE VIEW titles AS SELECT id, title FROM video WHERE id > 0",
        "CREATE VIEW counted AS SELECT count(*) AS n FROM titles",
    ])
    .await;
    assert_eq!(written(&home.db, "INSERT INTO video (id) VALUES (1)").await, "counted titles video");
    assert_eq!(written(&home.db, "UPDATE other SET id = 2").await, "other");
    assert_eq!(written(&home.db, "SELECT * FROM titles").await, "");
    let through = if is("Sqlite") { "counted titles" } else { "counted titles video" };
    assert_eq!(written(&home.db, "UPDATE titles SET title = 'x'").await, through);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_triggers_write_is_written_and_what_they_hide_may_be_anything() {
    let home = home(&[
        "CREATE TABLE video (id BIGINT PRIMARY KEY)",
        "CREATE TABLE audit (id BIGINT PRIMARY KEY, video BIGINT)",
        "CREATE TABLE total (n BIGINT)",
        "CREATE TABLE plain (id BIGINT PRIMARY KEY)",
        "CREATE VIEW audited AS SELECT video FROM audit",
    ])
    .await;
    let db = &home.db;
    trigger(db, "video_gone", "DELETE", "video", "INSERT INTO audit (id, video) VALUES (OLD.id, OLD.id)").await;
    trigger(db, "audit_added", "INSERT", "audit", "UPDATE total SET n = n + 1").await;
    assert_eq!(written(db, "DELETE FROM video WHERE id = 1").await, "audit audited total video");
    assert_eq!(written(db, "INSERT INTO video (id) VALUES (1)").await, "video", "it does not run then");
    assert_eq!(db.key_columns("plain").await.unwrap().len(), 1);
    assert!(db.key_columns("audit").await.unwrap().is_empty(), "a trigger stands between");
    if is("Postgres") {
        trigger(db, "hides", "INSERT", "plain", "EXECUTE 'DELETE FROM ' || TG_ARGV[0]").await;
    } else if is("MySql") {
        sqlx::raw_sql("CREATE PROCEDURE hides() DELETE FROM total").execute(db.pool()).await.unwrap();
        trigger(db, "calls", "INSERT", "plain", "CALL hides()").await;
    } else {
        return;
    }
    assert_eq!(written(db, "INSERT INTO plain (id) VALUES (1)").await, "*");
    assert_eq!(written(db, "DELETE FROM total").await, "total");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_keys_carry_changes_on_and_no_additions() {
    let home = home(&[
        "CREATE TABLE shop (id BIGINT PRIMARY KEY)",
        "CREATE TABLE video (id BIGINT PRIMARY KEY, shop BIGINT, \
         FOREIGN KEY (shop) REFERENCES shop (id) ON DELETE CASCADE)",
        "CREATE TABLE frame (id BIGINT PRIMARY KEY, video BIGINT, \
         FOREIGN KEY (video) REFERENCES video (id) ON DELETE SET NULL)",
        "CREATE TABLE note (id BIGINT PRIMARY KEY, shop BIGINT, FOREIGN KEY (shop) REFERENCES shop (id))",
    ])
    .await;
    let db = &home.db;
    assert_eq!(written(db, "DELETE FROM shop WHERE id = 1").await, "frame shop video");
    assert_eq!(written(db, "UPDATE video SET shop = 2").await, "frame video");
    assert_eq!(written(db, "INSERT INTO shop (id) VALUES (1)").await, "shop");
    let upsert = match () {
        () if is("MySql") => "INSERT INTO shop (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2",
        () => "INSERT INTO shop (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2",
    };
    assert_eq!(written(db, upsert).await, "frame shop video");
    if is("Postgres") {
        assert_eq!(written(db, "TRUNCATE shop CASCADE").await, "frame note shop video");
    }
    let keys = db.key_columns("frame").await.unwrap();
    let number = "-9223372036854775808..=9223372036854775807";
    assert_eq!(keys, [format!("id {number} unique"), format!("video {number}")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_not_there_may_be_anything() {
    let home = home(&["CREATE TABLE video (id BIGINT)"]).await;
    assert_eq!(written(&home.db, "UPDATE gone SET id = 1").await, "*");
    run(&home.db, &["CREATE TABLE gone (id BIGINT)"]).await;
    assert_eq!(written(&home.db, "UPDATE gone SET id = 1").await, "gone");
    assert_eq!(written(&home.db, "UPDATE GONE SET id = 1").await, "gone");
    assert_eq!(written(&home.db, "DROP TABLE gone").await, "*");
    let refused = home.db.writes("UPDATE gone SET id = 1; DELETE FROM gone").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    let inside: Result<Tables, cached_runtime::Error> =
        home.db.transaction(|tx| async move { tx.writes("DELETE FROM gone").await }).await;
    assert_eq!(inside.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_a_write_is_what_the_database_does() {
    let home = home(&[
        "CREATE TABLE a (id BIGINT PRIMARY KEY, n BIGINT)",
        "CREATE TABLE b (id BIGINT PRIMARY KEY, a BIGINT, FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE)",
        "CREATE TABLE c (n BIGINT)",
        "CREATE TABLE d (n BIGINT)",
        "CREATE VIEW v AS SELECT count(*) AS n FROM b",
        "INSERT INTO a (id, n) VALUES (1, 1), (2, 2)",
        "INSERT INTO b (id, a) VALUES (1, 1), (2, 2)",
        "INSERT INTO d (n) VALUES (0)",
    ])
    .await;
    let db = &home.db;
    trigger(db, "a_changed", "UPDATE", "a", "INSERT INTO c (n) VALUES (NEW.n)").await;
    trigger(db, "c_added", "INSERT", "c", "UPDATE d SET n = n + 1").await;
    for text in [
        "UPDATE a SET n = 5 WHERE id = 1",
        "DELETE FROM a WHERE id = 1",
        "INSERT INTO a (id, n) VALUES (3, 3)",
        "INSERT INTO b (id, a) VALUES (3, 3)",
        "INSERT INTO c (n) VALUES (9)",
    ] {
        let before = contents(db).await;
        let said = db.writes(text).await.unwrap();
        run(db, &[text]).await;
        let changed: BTreeSet<_> = contents(db).await.difference(&before).map(|(name, _)| *name).collect();
        assert!(!changed.is_empty() && changed.iter().all(|name| said.includes(name)), "{text}: {changed:?} {said:?}");
        assert_ne!(said, Tables::Any, "{text}");
    }
}

/// What is in each relation.
async fn contents(db: &Database<Db>) -> BTreeSet<(&'static str, String)> {
    let mut all = BTreeSet::new();
    for (name, column) in [("a", "n"), ("b", "id"), ("c", "n"), ("d", "n"), ("v", "n")] {
        let text = format!("SELECT {column} FROM {name} ORDER BY {column}");
        let rows: Vec<(i64,)> = db.fetch_all(sql(&text), ()).await.unwrap();
        all.insert((name, format!("{rows:?}")));
    }
    all
}
