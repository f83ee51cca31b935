//! Questions that write, by functions that somebody wrote, wherever and however early they are asked.

use cached_runtime::database::{DatabaseOptions, OutboxOptions};
use cached_runtime::statement::Backend;
use cached_runtime::{Error, Result};

use super::here::{BACKEND, Db, place};
use crate::rig::{Home, patient};

/// `log` is a name that the database has too; `marked` is called like a column.
const SCHEMA: &str = "CREATE TABLE caption (id BIGINT PRIMARY KEY, text VARCHAR(40) NOT NULL);
     CREATE TABLE seen (text VARCHAR(40) NOT NULL);
     INSERT INTO caption VALUES (10, 'a');
     CREATE FUNCTION log(varchar) RETURNS text LANGUAGE plpgsql AS
     $$ BEGIN INSERT INTO seen VALUES ($1); RETURN $1; END $$;
     CREATE FUNCTION marked(caption) RETURNS text LANGUAGE plpgsql AS
     $$ BEGIN INSERT INTO seen VALUES ($1.text); RETURN $1.text; END $$";

const ACTING: [&str; 2] = ["SELECT log('c'::varchar)", "SELECT c.marked FROM caption c"];

/// A database that nobody has asked anything yet, and an entry of what is written there.
async fn untouched(options: DatabaseOptions) -> Home<Db> {
    let home = Home::new(place(), options);
    sqlx::raw_sql(SCHEMA).execute(home.db.pool()).await.unwrap();
    home.keep("seen", &["seen"]);
    assert!(home.has("seen").await, "the control");
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_question_that_writes_invalidates_with_an_outbox_and_without() {
    if BACKEND != Backend::Postgres {
        return;
    }
    for text in ACTING {
        for options in [patient(), patient().outbox(OutboxOptions::new())] {
            let home = untouched(options).await;
            home.db.fetch_one::<(String,)>(text, ()).await.unwrap();
            assert!(!home.has("seen").await, "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_writes_in_a_transaction_invalidates_at_its_commit() {
    if BACKEND != Backend::Postgres {
        return;
    }
    for text in ACTING {
        for options in [patient(), patient().outbox(OutboxOptions::new())] {
            let home = untouched(options).await;
            let asked: Result<()> = home
                .db
                .transaction(|tx| async move {
                    tx.fetch_one::<(String,)>(text, ()).await?;
                    Err(Error::new(cached_runtime::ErrorKind::Codec, "no"))
                })
                .await;
            assert!(asked.is_err() && home.has("seen").await, "nothing was written: {text}");
            let asked: Result<()> =
                home.db.transaction(|tx| async move { tx.fetch_one::<(String,)>(text, ()).await.map(drop) }).await;
            asked.unwrap();
            assert!(!home.has("seen").await, "{text}");
        }
    }
}

/// A pool that is all taken lets nobody find out what a function does: nor is it asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_of_which_nobody_can_say_whether_it_writes_waits_for_who_can() {
    if BACKEND != Backend::Postgres {
        return;
    }
    let home = untouched(patient().max_connections(1)).await;
    let taken = home.db.pool().acquire().await.unwrap();
    let db = home.db.clone();
    let asked = tokio::spawn(async move { db.fetch_one::<(String,)>(ACTING[0], ()).await });
    while home.db.stats().waiting == 0 {
        tokio::task::yield_now().await;
    }
    drop(taken);
    asked.await.unwrap().unwrap();
    assert!(!home.has("seen").await);
}
