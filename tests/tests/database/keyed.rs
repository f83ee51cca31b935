//! Keys that the attribute writes out, and connections that do not know their names.

use cached_runtime::database::Database;
use cached_runtime::{Result, cache_query, invalidate};
use sqlx::{Sqlite, SqlitePool};

use crate::rig::patient;
use crate::rig::sqlite::place;

#[cache_query(key = "counted:{table}", tables = ["video"], secret(table))]
async fn counted(db: &Database<Sqlite>, table: &str) -> Result<i64> {
    let _ = table;
    Ok(db.fetch_one::<(i64,)>("SELECT count(*) FROM video", ()).await?.0)
}

#[cache_query(tables = ["video"], database = "elsewhere", ttl = "1h", skip(pool), cache_none)]
async fn elsewhere(pool: &SqlitePool, id: i64) -> Option<i64> {
    sqlx::query_scalar("SELECT id FROM video WHERE id = ?").bind(id).fetch_optional(pool).await.ok()?
}

#[invalidate(tables = ["main.Video"], database = "elsewhere")]
async fn put(pool: &SqlitePool, id: i64) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO video (id) VALUES (?)").bind(id).execute(pool).await.map(drop)
}

#[cache_query(sql = "SELECT title FROM video WHERE id = :id")]
async fn title(db: &Database<Sqlite>, id: i64) -> Result<Option<String>>;

#[invalidate(tables = ["video"], database = "told-of-rows")]
async fn retitle(pool: &SqlitePool) -> sqlx::Result<()> {
    sqlx::query("UPDATE video SET title = 'new'").execute(pool).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_library_wrote_goes_also_where_entries_are_of_certain_rows() {
    let place = place();
    let db = Database::<Sqlite>::open(&place.url, patient().name("told-of-rows")).unwrap();
    db.execute("CREATE TABLE video (id INTEGER PRIMARY KEY, title TEXT)", ()).await.unwrap();
    db.execute("INSERT INTO video (id, title) VALUES (1, 'old')", ()).await.unwrap();
    assert_eq!(title(&db, 1).await.unwrap().as_deref(), Some("old"));
    db.execute("UPDATE video SET title = 'other' WHERE id = 2", ()).await.unwrap();
    assert!(title::peek(&db, 1).await.is_some(), "it is one of certain rows");
    let pool = SqlitePool::connect(&place.url).await.unwrap();
    retitle(&pool).await.unwrap();
    assert_eq!(title(&db, 1).await.unwrap().as_deref(), Some("new"));
}

/// Not the first, and not alone.
#[cache_query(tables = ["video"])]
async fn filtered(filter: &Filter, db: &Database<Sqlite>) -> Result<Vec<i64>> {
    let rows = db.fetch_all::<(i64,)>("SELECT id FROM video WHERE id >= ? ORDER BY id", (filter.least,)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

#[derive(Debug, Clone, cached_runtime::KeyPart)]
struct Filter {
    least: i64,
}

#[cache_query(tables = ["video"])]
fn plain(a: i64, b: i64) -> i64 {
    a + b
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_in_the_key_though_the_template_leaves_it_out() {
    let place = place();
    let db = Database::<Sqlite>::open(&place.url, patient().name("keyed db")).unwrap();
    db.execute("CREATE TABLE video (id INTEGER)", ()).await.unwrap();
    assert_eq!(counted(&db, "video").await.unwrap(), 0);
    let key = counted::key(&db, "video").to_string();
    assert!(key.starts_with("counted:") && key.ends_with(":keyed%20db"), "{key}");
    db.execute("INSERT INTO video (id) VALUES (1)", ()).await.unwrap();
    assert_eq!(counted(&db, "video").await.unwrap(), 1);
    assert_eq!(filtered(&Filter { least: 0 }, &db).await.unwrap(), [1]);
    assert_eq!(filtered(&Filter { least: 2 }, &db).await.unwrap(), [0; 0], "what is no database is part of the key");
    db.execute("INSERT INTO video (id) VALUES (2)", ()).await.unwrap();
    assert_eq!(filtered(&Filter { least: 2 }, &db).await.unwrap(), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_connection_is_called_as_the_attribute_says() {
    let place = place();
    let pool = SqlitePool::connect(&place.url).await.unwrap();
    let options = patient().name("elsewhere");
    let db = Database::around(pool.clone(), options).unwrap();
    db.execute("CREATE TABLE video (id INTEGER)", ()).await.unwrap();
    db.execute("INSERT INTO video (id) VALUES (7)", ()).await.unwrap();
    assert_eq!(elsewhere(&pool, 7).await, Some(7));
    assert!(elsewhere::key(7).to_string().starts_with("query:"));
    sqlx::query("DELETE FROM video").execute(&pool).await.unwrap();
    assert_eq!(elsewhere(&pool, 7).await, Some(7), "nobody has said so");
    db.execute("DELETE FROM video WHERE id = ?", (8,)).await.unwrap();
    assert_eq!(elsewhere(&pool, 7).await, None, "a write through the handle of that name");
    put(&pool, 7).await.unwrap();
    assert_eq!(elsewhere(&pool, 7).await, Some(7), "a write by a function that says so");
    assert_eq!((plain(1, 2), plain::key(1, 2).to_string().starts_with("query:")), (3, true));
}
