//! Statements: what they answer, what they invalidate, what is wrong with them.

use cached_runtime::ErrorKind;
use cached_runtime::database::{DatabaseOptions, cause};

use super::here::{Db, place, sql};
use crate::rig::{Home, patient};

async fn home() -> Home<Db> {
    let home = Home::new(place(), patient());
    home.db.execute(sql("CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)"), ()).await.unwrap();
    home.db.execute(sql("CREATE TABLE song (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)"), ()).await.unwrap();
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_as_they_were_written() {
    let home = home().await;
    let db = &home.db;
    for (id, title) in [(1_i64, "Dawn"), (2, "Noon")] {
        let done = db.execute(sql("INSERT INTO video (id, title) VALUES (?, ?)"), (id, title)).await.unwrap();
        assert_eq!(done.rows, 1);
    }
    let all: Vec<(i64, String)> = db.fetch_all(sql("SELECT id, title FROM video ORDER BY id"), ()).await.unwrap();
    assert_eq!(all, [(1, "Dawn".to_owned()), (2, "Noon".to_owned())]);
    let one: (String,) = db.fetch_one(sql("SELECT title FROM video WHERE id = ?"), (2_i64,)).await.unwrap();
    assert_eq!(one.0, "Noon");
    let none: Option<(i64,)> = db.fetch_optional(sql("SELECT id FROM video WHERE id = ?"), [3_i64]).await.unwrap();
    assert_eq!(none, None);
    let some: Vec<(i64,)> = db.fetch_all(sql("SELECT id FROM video WHERE id IN (?, ?)"), vec![2_i64, 3]).await.unwrap();
    assert_eq!(some, [(2,)]);
    let null: (Option<i64>,) =
        db.fetch_one(sql("SELECT max(id) FROM video WHERE title = ?"), (None::<String>,)).await.unwrap();
    assert_eq!(null, (None,));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_invalidates_what_was_read_from_its_tables_and_nothing_else() {
    let home = home().await;
    home.keep("videos", &["video"]);
    home.keep("both", &["video", "song"]);
    home.keep("songs", &["song"]);
    home.db.execute(sql("INSERT INTO video (id, title) VALUES (?, ?)"), (1_i64, "Dawn")).await.unwrap();
    assert_eq!((home.has("videos").await, home.has("both").await, home.has("songs").await), (false, false, true));
    home.keep("videos", &["video"]);
    let _: Vec<(i64,)> = home.db.fetch_all(sql("SELECT id FROM video"), ()).await.unwrap();
    assert!(home.has("videos").await, "reading changes nothing");
    home.db.execute(sql("UPDATE song SET TITLE = ?"), ("x",)).await.unwrap();
    assert_eq!((home.has("videos").await, home.has("songs").await), (true, false));
    home.keep("songs", &["song"]);
    home.db.execute(sql("DELETE FROM song WHERE id IN (SELECT id FROM video)"), ()).await.unwrap();
    assert_eq!((home.has("videos").await, home.has("songs").await), (true, false));
    home.db.execute(sql("ALTER TABLE song ADD COLUMN year BIGINT"), ()).await.unwrap();
    assert!(!home.has("videos").await, "of a schema nobody knows what hangs on it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_entry_read_of_which_nobody_knows_goes_with_every_write() {
    let home = home().await;
    let mut options = cached_runtime::SetOptions::new();
    for tag in home.db.tags(&cached_runtime::statement::Tables::Any) {
        options = options.tag(tag);
    }
    home.cache.namespace::<u64>("kept").unwrap().set_with("unclear", 1, options);
    assert!(home.has("unclear").await);
    home.db.execute(sql("DELETE FROM song"), ()).await.unwrap();
    assert!(!home.has("unclear").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_and_repeats_no_values() {
    let home = home().await;
    let db = &home.db;
    db.execute(sql("INSERT INTO video (id, title) VALUES (?, ?)"), (1_i64, "canary-title")).await.unwrap();
    let run = async |text: &str| db.execute(sql(text), ()).await.unwrap_err();
    let cases = [
        ("SELECT 1; SELECT 2", ErrorKind::Config, "one statement"),
        ("BEGIN", ErrorKind::Config, "Database::transaction"),
        ("SELECT nothing FROM video", ErrorKind::Database, "refused"),
        ("SELECT id FROM nowhere", ErrorKind::Database, "refused"),
        ("SELEC id", ErrorKind::Database, "refused"),
        ("SELECT id FROM video WHERE id = ?", ErrorKind::Database, "parameters: 1, values: 0"),
    ];
    for (text, kind, words) in cases {
        let error = run(text).await;
        assert_eq!(error.kind(), kind, "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
    for (text, what) in [
        ("SELECT absent FROM video", "unknown_column"),
        ("SELECT v.absent FROM video v", "unknown_column"),
        ("SELECT id FROM nowhere", "unknown_table"),
        ("INSERT INTO video (absent) VALUES (1)", "unknown_column"),
    ] {
        let error = run(text).await;
        let name = error.context(what).unwrap_or_else(|| panic!("{text}: {error}"));
        assert!(name.ends_with("absent") || name.ends_with("nowhere"), "{text}: {error}");
    }
    let taken = sql("INSERT INTO video (id, title) VALUES (?, ?)");
    let error = db.execute(taken, (1_i64, "canary-title")).await.unwrap_err();
    assert!(cause(&error).unwrap().as_database_error().unwrap().is_unique_violation(), "{error}");
    let wrong = db.fetch_all::<(i64,)>(sql("SELECT title FROM video"), ()).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Database);
    let missing = db.fetch_one::<(i64,)>(sql("SELECT id FROM video WHERE id = ?"), (9_i64,)).await.unwrap_err();
    assert!(missing.to_string().contains("there is none"), "{missing}");
    for error in [error, wrong] {
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

/// The same words with another type of value are another statement to PostgreSQL.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_is_run_with_the_types_that_its_values_have_now() {
    let home = Home::<Db>::new(place(), patient().max_connections(1));
    let db = &home.db;
    db.execute(sql("CREATE TABLE pair (a BIGINT, b BIGINT)"), ()).await.unwrap();
    db.execute(sql("INSERT INTO pair (a, b) VALUES (1, 2)"), ()).await.unwrap();
    let read = || sql("SELECT b FROM pair WHERE a = ? -- the last line");
    for _ in 0..2 {
        assert_eq!(db.fetch_all::<(i64,)>(read(), (1.0_f64,)).await.unwrap(), [(2,)]);
        assert_eq!(db.fetch_all::<(i64,)>(read(), (1_i64,)).await.unwrap(), [(2,)]);
        assert_eq!(db.fetch_all::<(i64,)>(read(), [1_i32]).await.unwrap(), [(2,)]);
        assert_eq!(db.fetch_all::<(i64,)>(read(), (Some(1_i16),)).await.unwrap(), [(2,)]);
    }
}

/// What a program reads by name is what stands there now, also when columns have changed places since the statement was
/// prepared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_are_read_by_the_names_that_they_have_now() {
    let home = Home::<Db>::new(place(), patient().max_connections(1));
    let db = &home.db;
    db.execute(sql("CREATE TABLE pair (a BIGINT, b BIGINT)"), ()).await.unwrap();
    db.execute(sql("INSERT INTO pair (a, b) VALUES (1, 2)"), ()).await.unwrap();
    let read = async || db.fetch_one::<Pair>(sql("SELECT * FROM pair"), ()).await.unwrap();
    assert_eq!(read().await, Pair { a: 1, b: 2 });
    db.execute(sql("ALTER TABLE pair DROP COLUMN a"), ()).await.unwrap();
    db.execute(sql("ALTER TABLE pair ADD COLUMN a BIGINT DEFAULT 7"), ()).await.unwrap();
    assert_eq!(read().await, Pair { a: 7, b: 2 });
    db.execute(sql("ALTER TABLE pair RENAME COLUMN a TO c"), ()).await.unwrap();
    db.execute(sql("ALTER TABLE pair RENAME COLUMN b TO a"), ()).await.unwrap();
    db.execute(sql("ALTER TABLE pair RENAME COLUMN c TO b"), ()).await.unwrap();
    assert_eq!(read().await, Pair { a: 2, b: 7 });
    db.execute(sql("ALTER TABLE pair DROP COLUMN b"), ()).await.unwrap();
    db.execute(sql("ALTER TABLE pair ADD COLUMN b BIGINT DEFAULT 9"), ()).await.unwrap();
    let all: Vec<Pair> = db.fetch_all(sql("SELECT pair.* FROM pair"), ()).await.unwrap();
    assert_eq!(all, [Pair { a: 2, b: 9 }]);
}

#[tokio::test]
async fn the_future_of_a_call_is_small() {
    let home = Home::<Db>::new(place(), patient());
    let read = size_of_val(&home.db.fetch_all::<(i64,)>(sql("SELECT 1"), ()));
    let write = size_of_val(&home.db.execute(sql("SELECT 1"), ()));
    let scope = |tx: cached_runtime::database::Database<Db>| async move { tx.execute(sql("SELECT 1"), ()).await };
    let transaction = size_of_val(&home.db.transaction(scope));
    assert!(read < 4_000 && write < 4_000 && transaction < 6_000, "{read}, {write}, {transaction} bytes");
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Pair {
    a: i64,
    b: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_belongs_to_one_database_of_a_process() {
    let (first, second) = (place(), place());
    let named = || DatabaseOptions::new().name("twice-named");
    let database = cached_runtime::database::Database::<Db>::open(&first.url, named()).unwrap();
    let same = cached_runtime::database::Database::<Db>::open(&first.url, named()).unwrap();
    let other = cached_runtime::database::Database::<Db>::open(&second.url, named()).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Config);
    assert!(other.to_string().contains("DatabaseOptions::name"), "{other}");
    drop((database, same));
    cached_runtime::database::Database::<Db>::open(&second.url, named()).unwrap();
}
