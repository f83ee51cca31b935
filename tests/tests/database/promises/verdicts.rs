//! What the adviser counts and judges: batches, repeats from where they are said to begin, answers that are not to be kept.

use cached_runtime::database::DatabaseOptions;
use cached_runtime::statement::Backend;

use super::here::{BACKEND, Db, place, sql};
use crate::rig::{Home, patient};

async fn home_with(options: DatabaseOptions, table: &str) -> Home<Db> {
    let home = Home::new(place(), options);
    home.db.execute(sql(table), ()).await.unwrap();
    home
}

/// What the adviser says of a statement that only batches write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_among_what_the_adviser_counts() {
    let home = home_with(patient(), "CREATE TABLE word (id BIGINT PRIMARY KEY, said VARCHAR(40) NOT NULL)").await;
    let rows: Vec<(i64, _)> = (20..45).map(|id| (id, "c")).collect();
    let insert = sql("INSERT INTO word (id, said) VALUES (?, ?)");
    home.db.execute_batch(insert, rows).batch_size(10).await.unwrap().complete().unwrap();
    let found = home.db.queries().into_iter().find(|query| query.shape.starts_with("INSERT INTO word"));
    let found = found.unwrap();
    assert_eq!((found.count, found.rows, found.errors), (3, 25, 0), "{found:?}");
    home.db
        .request(async {
            for id in 100..110_i64 {
                let insert = sql("INSERT INTO word (id, said) VALUES (?, ?)");
                home.db.execute_batch(insert, [(id, "d")]).await.unwrap().complete().unwrap();
            }
        })
        .await;
    assert_eq!(home.db.advice().await.unwrap().repeated, [], "a batch is what a repeat should have been");
}

/// How often is often is for whoever asks to say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeats_begin_where_they_are_said_to() {
    for (often, found) in [(0, 0), (3, 1), (7, 0)] {
        let home = home_with(patient().repeated(often), "CREATE TABLE caption (id BIGINT, text VARCHAR(40))").await;
        home.db
            .request(async {
                for id in 0..6_i64 {
                    let read = sql("SELECT text FROM caption WHERE id = ?");
                    home.db.fetch_all::<(String,)>(read, (id,)).await.unwrap();
                }
            })
            .await;
        let repeated = home.db.advice().await.unwrap().repeated;
        assert_eq!(repeated.iter().filter(|query| query.kind == "SELECT").count(), found, "{often}: {repeated:?}");
    }
}

/// What is not worth to be kept, or must not be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_large_and_functions_that_act_are_not_to_be_cached() {
    let home = home_with(patient(), "CREATE TABLE many (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)").await;
    let rows: Vec<[i64; 2]> = (0..10_500).map(|id| [id, id]).collect();
    home.db
        .execute_batch(sql("INSERT INTO many (id, n) VALUES (?, ?)"), rows)
        .batch_size(1_000)
        .await
        .unwrap()
        .complete()
        .unwrap();
    for _ in 0..20 {
        home.db.fetch_all::<(i64,)>("SELECT n FROM many", ()).await.unwrap();
    }
    let verdict = |shape: &str| {
        let found = home.db.queries().into_iter().find(|query| query.shape.starts_with(shape));
        found.unwrap_or_else(|| panic!("{shape}")).verdict
    };
    assert_eq!(verdict("SELECT n FROM many").reason, "large");
    if BACKEND == Backend::Postgres {
        home.db.execute("CREATE SEQUENCE counter", ()).await.unwrap();
        home.db.fetch_one::<(i64,)>("SELECT nextval('counter')", ()).await.unwrap();
        assert_eq!(verdict("SELECT nextval").reason, "acts");
    }
}
