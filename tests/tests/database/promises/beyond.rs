//! What a statement does beyond its words: by functions that somebody wrote, in tables that know of no transactions, in
//! transactions that end early, for caches that were named late.

use std::time::Duration;

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::statement::Backend;
use cached_runtime::{Cache, Error, ErrorKind, Result, cache_query};

use super::here::{BACKEND, Db, place, sql};
use crate::rig::{Home, patient};

type Handle = Database<Db>;

const CAPTIONS: &[&str] = &[
    "CREATE TABLE caption (id BIGINT PRIMARY KEY, video BIGINT NOT NULL, text VARCHAR(40) NOT NULL)",
    "INSERT INTO caption (id, video, text) VALUES (10, 1, 'a'), (11, 1, 'b')",
];

async fn home(schema: &[&str]) -> Home<Db> {
    home_with(patient(), schema).await
}

async fn home_with(options: DatabaseOptions, schema: &[&str]) -> Home<Db> {
    let home = Home::new(place(), options);
    for text in schema {
        made(&home, text).await;
    }
    home
}

async fn made(home: &Home<Db>, text: &str) {
    home.db.execute(sql(text), ()).await.unwrap_or_else(|error| panic!("{text}: {error}"));
}

/// Past the handle, and then told: functions are made in words of their own.
async fn made_behind(home: &Home<Db>, text: &'static str) {
    sqlx::raw_sql(text).execute(home.db.pool()).await.unwrap();
    home.db.schema_changed().await;
}

fn no() -> Error {
    Error::new(ErrorKind::Codec, "no")
}

#[cache_query(sql = "SELECT text FROM caption WHERE video = :video ORDER BY id", ttl = "1h")]
async fn texts(db: &Handle, video: i64) -> Result<Vec<String>>;

#[cache_query(sql = "SELECT lower(text) FROM caption WHERE id = :id", ttl = "1h")]
async fn small(db: &Handle, id: i64) -> Result<Vec<String>>;

#[cache_query(sql = "SELECT c.worded FROM caption c WHERE c.id = :id", ttl = "1h")]
async fn worded(db: &Handle, id: i64) -> Result<Vec<String>>;

/// A name that a database knows may be somebody's own function there: for another type, or because MySQL has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_somebody_wrote_is_not_taken_for_the_databases_own() {
    let home = home(CAPTIONS).await;
    made(&home, "CREATE TABLE word (said VARCHAR(40) NOT NULL)").await;
    made(&home, "INSERT INTO word (said) VALUES ('old')").await;
    match BACKEND {
        // There functions are the program's own.
        Backend::Sqlite => return,
        Backend::Postgres => {
            made_behind(
                &home,
                "CREATE FUNCTION lower(varchar) RETURNS text STABLE LANGUAGE sql AS 'SELECT said::text FROM word';
                 CREATE FUNCTION worded(caption) RETURNS text STABLE LANGUAGE sql AS 'SELECT said::text FROM word'",
            )
            .await;
            assert_eq!(worded(&home.db, 10).await.unwrap(), ["old"]);
            made(&home, "UPDATE word SET said = 'newer'").await;
            assert_eq!(worded(&home.db, 10).await.unwrap(), ["newer"], "a function in the place of a column");
            made(&home, "UPDATE word SET said = 'old'").await;
            assert_eq!(small(&home.db, 10).await.unwrap(), ["old"]);
            made(&home, "UPDATE word SET said = 'new'").await;
            assert_eq!(small(&home.db, 10).await.unwrap(), ["new"]);
        }
        Backend::Mysql => {
            made_behind(
                &home,
                "CREATE FUNCTION translate(x VARCHAR(40)) RETURNS VARCHAR(40) READS SQL DATA
                 RETURN (SELECT said FROM word)",
            )
            .await;
            let read = || {
                let db = home.db.clone();
                async move { translated(&db, 10).await.unwrap() }
            };
            assert_eq!(read().await, ["old"]);
            made(&home, "UPDATE word SET said = 'new'").await;
            assert_eq!(read().await, ["new"]);
        }
    }
}

#[cache_query(sql = "SELECT translate(text) FROM caption WHERE id = :id", ttl = "1h")]
async fn translated(db: &Handle, id: i64) -> Result<Vec<String>>;

/// A read that calls such a function may write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_writes_by_a_function_of_a_known_name_is_a_write() {
    let home = home(CAPTIONS).await;
    if BACKEND != Backend::Postgres {
        return;
    }
    made_behind(
        &home,
        "CREATE FUNCTION log(varchar) RETURNS text LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO caption VALUES (12, 1, $1); RETURN $1; END $$",
    )
    .await;
    assert_eq!(texts(&home.db, 1).await.unwrap(), ["a", "b"]);
    home.db.fetch_one::<(String,)>("SELECT log('c'::varchar)", ()).await.unwrap();
    assert_eq!(texts(&home.db, 1).await.unwrap(), ["a", "b", "c"]);
}

/// The schema is read before, though nothing else has asked for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_writes_is_a_write_also_when_nobody_knows_the_schema_yet() {
    if BACKEND != Backend::Postgres {
        return;
    }
    let home = home(CAPTIONS).await;
    made_behind(
        &home,
        "CREATE FUNCTION log(varchar) RETURNS text LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO caption VALUES (12, 1, $1); RETURN $1; END $$",
    )
    .await;
    home.keep("captions", &["caption"]);
    assert!(home.has("captions").await, "the control");
    home.db.fetch_one::<(String,)>("SELECT log('c'::varchar)", ()).await.unwrap();
    assert!(!home.has("captions").await);
}

/// What shows rows of tables, and is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_table_of_the_schema_may_show_any() {
    let home = home(CAPTIONS).await;
    let tags = async |text: &str| home.db.tags_of(text, &()).await.join(" ");
    let unclear = format!("sql:{}:*", home.db.name());
    assert!(!tags("SELECT text FROM caption WHERE id = 10").await.contains(&unclear));
    assert!(!tags("WITH c AS (SELECT text FROM caption) SELECT text FROM c").await.contains(&unclear));
    let strange = match BACKEND {
        Backend::Sqlite => "SELECT page_count FROM pragma_page_count",
        Backend::Postgres => "SELECT last_value FROM caption_seq",
        Backend::Mysql => "SELECT text FROM elsewhere.caption",
    };
    assert!(tags(strange).await.contains(&unclear), "{strange}");
}

/// Tables of such engines keep what is rolled back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rollback_does_not_undo_is_told() {
    if BACKEND != Backend::Mysql {
        return;
    }
    let home = home(CAPTIONS).await;
    made(&home, "CREATE TABLE plain (id BIGINT PRIMARY KEY, n BIGINT) ENGINE = MyISAM").await;
    let db = &home.db;
    let kept = |table: &'static str| home.keep(table, &[table]);
    let back = |text: &'static str, then: bool| async move {
        db.transaction(|tx| async move {
            tx.execute(text, ()).await?;
            assert!(!then, "a panic of the scope's own");
            Err::<(), _>(no())
        })
        .await
        .unwrap_err();
    };
    kept("caption");
    back("INSERT INTO caption VALUES (12, 1, 'c')", false).await;
    assert!(home.has("caption").await, "this was rolled back");
    kept("plain");
    back("INSERT INTO plain VALUES (1, 1)", false).await;
    assert!(!home.has("plain").await && home.has("caption").await);
    kept("plain");
    back("ANALYZE TABLE caption", false).await;
    assert!(!home.has("caption").await, "this committed what was done before");
    kept("plain");
    let (db, text) = (db.clone(), "INSERT INTO plain VALUES (2, 1)");
    let panicked = tokio::spawn(async move {
        db.transaction(|tx| async move {
            tx.execute(text, ()).await?;
            panic!("a panic of the scope's own");
            #[allow(unreachable_code)]
            Ok::<(), Error>(())
        })
        .await
    });
    panicked.await.unwrap_err();
    gone(&home, "plain").await;
}

/// Told behind, it goes soon.
async fn gone(home: &Home<Db>, key: &str) {
    for _ in 0..500 {
        if !home.has(key).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("`{key}` is still there");
}

/// An end of the transaction that nobody saw, for the call was given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_after_an_end_that_nobody_saw_is_told() {
    if BACKEND != Backend::Sqlite {
        return;
    }
    let home = home(CAPTIONS).await;
    home.keep("caption", &["caption"]);
    let _answer = home
        .db
        .transaction(|tx| async move {
            // A conflict, which here ends the whole transaction. Polled once: the driver has it, and nobody looks.
            let ending = tx.execute("INSERT OR ROLLBACK INTO caption VALUES (10, 1, 'taken')", ());
            let _given_up = tokio::time::timeout(Duration::ZERO, ending).await;
            tx.execute("UPDATE caption SET text = 'changed' WHERE id = 11", ()).await
        })
        .await;
    let (text,): (String,) = home.db.fetch_one("SELECT text FROM caption WHERE id = 11", ()).await.unwrap();
    assert!(text == "b" || !home.has("caption").await, "it was changed, and what was read before is still there");
}

/// Its schema is as old as the transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_a_transaction_sees_is_not_taken_for_the_one_there_is() {
    if BACKEND != Backend::Postgres {
        return;
    }
    let mut place = place();
    place.url.push_str("?options[default_transaction_isolation]=serializable");
    let home: Home<Db> = Home::new(place, patient());
    for text in CAPTIONS.iter().chain(&["CREATE TABLE other (id BIGINT PRIMARY KEY)"]) {
        made(&home, text).await;
    }
    let other = home.db.clone();
    home.db
        .transaction(|tx| async move {
            tx.fetch_all::<(i64,)>("SELECT id FROM other", ()).await?;
            other.execute("CREATE VIEW shown AS SELECT text FROM caption", ()).await?;
            tx.execute("INSERT INTO other VALUES (1)", ()).await
        })
        .await
        .unwrap();
    assert_eq!(shown(&home.db).await.unwrap(), ["a", "b"]);
    made(&home, "UPDATE caption SET text = 'z' WHERE id = 10").await;
    assert_eq!(shown(&home.db).await.unwrap(), ["b", "z"]);
}

#[cache_query(sql = "SELECT text FROM shown ORDER BY text", ttl = "1h")]
async fn shown(db: &Handle) -> Result<Vec<String>>;

/// Two handles of one database: what one writes the other's cache hears of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_caches_of_a_database_are_told_through_whichever_handle_it_is_written() {
    let home = home(CAPTIONS).await;
    let cache = Cache::builder().build().unwrap();
    let same = DatabaseOptions::new().name(home.db.name()).cache(&cache);
    let other = Handle::open(home.url(), same).unwrap();
    assert_eq!(texts(&other, 1).await.unwrap(), ["a", "b"]);
    made(&home, "DELETE FROM caption WHERE id = 11").await;
    assert_eq!(texts(&other, 1).await.unwrap(), ["a"]);
    home.keep("caption", &["caption"]);
    other.execute(sql("DELETE FROM caption"), ()).await.unwrap();
    assert!(!home.has("caption").await);
}

/// A connection would keep it, and show it to whoever asks there next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_connection_alone_would_see_is_not_made() {
    let home = home(CAPTIONS).await;
    let make = "CREATE TEMPORARY TABLE caption AS SELECT text FROM caption";
    let refused = home.db.execute(sql(make), ()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config, "{refused}");
    let refused = home.db.transaction(|tx| async move { tx.execute(sql(make), ()).await }).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config, "{refused}");
    if BACKEND == Backend::Postgres {
        let made = "CREATE TEMPORARY TABLE passing ON COMMIT DROP AS SELECT text FROM caption";
        home.db.transaction(|tx| async move { tx.execute(made, ()).await }).await.unwrap();
    }
}

/// They would not be made as the pool makes its own: another `search_path`, another database in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_there_gets_no_connections_beyond_it() {
    let home = home(&[]).await;
    let options = DatabaseOptions::new().name(&format!("{} too", home.db.name())).overflow(1);
    let error = Handle::around(home.db.pool().clone(), options).unwrap_err();
    assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("overflow")));
}

/// Two of one name would answer for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_that_show_other_tables_to_their_sessions_need_names_of_their_own() {
    if BACKEND != Backend::Postgres {
        return;
    }
    let place = place();
    let tenant = |name: &str| {
        let url = format!("{}?options[search_path]={name}", place.url);
        Handle::open(&url, DatabaseOptions::new().name(&format!("tenants of {}", place.url)))
    };
    let _first = tenant("a").unwrap();
    let _same = tenant("a").unwrap();
    assert_eq!(tenant("b").unwrap_err().kind(), ErrorKind::Config);
}

/// There is one writer, however many connections there may be beyond the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_sqlite_are_one() {
    if BACKEND != Backend::Sqlite {
        return;
    }
    // Long enough to open the database and to fill it; it is what the refused write takes.
    let options = DatabaseOptions::new().overflow(4).acquire_deadline(Duration::from_secs(5));
    let home = home_with(options, CAPTIONS).await;
    let other = home.db.clone();
    home.db
        .transaction(|tx| async move {
            tx.execute("DELETE FROM caption WHERE id = 10", ()).await?;
            let busy = other.execute("DELETE FROM caption WHERE id = 11", ()).await.unwrap_err();
            assert_eq!(busy.kind(), ErrorKind::Busy, "{busy}");
            assert_eq!(other.stats().overflowed, 0);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
}

/// To PostgreSQL's driver statements of one text are one, whatever values they were prepared for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_at_the_end_of_a_batch_are_of_the_types_of_their_own() {
    let home =
        home_with(patient().max_connections(1), &["CREATE TABLE pair (id BIGINT PRIMARY KEY, n DOUBLE PRECISION)"])
            .await;
    let insert = || sql("INSERT INTO pair (id, n) VALUES (?, ?)");
    let whole: Vec<(i64, i64)> = (0..13).map(|id| (id, id)).collect();
    let broken: Vec<(i64, f64)> = (100..113).map(|id| (id, 0.5)).collect();
    for _ in 0..2 {
        home.db.execute_batch(insert(), whole.clone()).batch_size(10).await.unwrap().complete().unwrap();
        home.db.execute_batch(insert(), broken.clone()).batch_size(10).await.unwrap().complete().unwrap();
        let read = "SELECT count(*), sum(n) FROM pair";
        assert_eq!(home.db.fetch_one::<(i64, f64)>(read, ()).await.unwrap(), (26, 78.0 + 6.5));
        made(&home, "DELETE FROM pair").await;
    }
}

/// An entry that a cache holds which is named only while the write runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_is_named_while_a_write_runs_hears_of_it() {
    let home = home(CAPTIONS).await;
    let late = Cache::builder().build().unwrap();
    let (db, cache) = (home.db.clone(), late.clone());
    home.db
        .transaction(|tx| async move {
            tx.execute("DELETE FROM caption WHERE id = 11", ()).await?;
            // On SQLite and elsewhere others still see what was there before.
            assert_eq!(named(&db, &cache, 1).await?, ["a", "b"]);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    assert_eq!(named(&home.db, &late, 1).await.unwrap(), ["a"]);
}

#[cache_query(tables = ["caption"], ttl = "1h", skip(cache), cache = cache)]
async fn named(db: &Handle, cache: &Cache, video: i64) -> Result<Vec<String>> {
    let rows = db.fetch_all::<(String,)>(sql("SELECT text FROM caption WHERE video = ? ORDER BY id"), (video,)).await?;
    Ok(rows.into_iter().map(|(text,)| text).collect())
}

/// Two that stand in each other's way: the database undoes one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_was_undone_for_the_sake_of_another_is_done_again() {
    if BACKEND == Backend::Sqlite {
        return;
    }
    let home = home(&["CREATE TABLE pair (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)"]).await;
    made(&home, "INSERT INTO pair (id, n) VALUES (1, 0), (2, 0)").await;
    for round in 1..=3_i64 {
        let (other, add) = (home.db.clone(), "UPDATE pair SET n = n + 1 WHERE id IN (1, 2)");
        let mut alone = None;
        let transaction = home
            .db
            .transaction(|tx| {
                let alone = &mut alone;
                async move {
                    tx.execute("UPDATE pair SET n = n + 0 WHERE id = 2", ()).await?;
                    // It has the first row, and waits for the second.
                    *alone = Some(tokio::spawn(async move { other.execute(add, ()).await }));
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    tx.execute("UPDATE pair SET n = n + 0 WHERE id = 1", ()).await
                }
            })
            .await;
        assert_eq!(alone.unwrap().await.unwrap().unwrap().rows, 2, "{transaction:?}");
        let read = "SELECT n FROM pair ORDER BY id";
        assert_eq!(home.db.fetch_all::<(i64,)>(read, ()).await.unwrap(), [(round,), (round,)]);
    }
}

#[cache_query(sql = "SELECT text FROM caption WHERE id = :id", ttl = "1h", rate = "2/h")]
async fn budgeted(db: &Handle, id: i64) -> Result<Vec<String>>;

/// The cache answers first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_has_a_budget_as_any_load() {
    let home = home(CAPTIONS).await;
    for _ in 0..5 {
        assert_eq!(budgeted(&home.db, 10).await.unwrap(), ["a"]);
        assert_eq!(budgeted(&home.db, 11).await.unwrap(), ["b"]);
    }
    assert_eq!(budgeted(&home.db, 12).await.unwrap_err().kind(), ErrorKind::Rate);
}
