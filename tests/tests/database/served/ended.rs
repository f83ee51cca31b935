//! Connections that an operator ends: in a read, in a write, in a transaction.

use std::time::Duration;

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Error, ErrorKind, Result, cache_query};
use sqlx::Connection as _;

use super::here::{Db, SLEEPS, SLOW, asleep, end, outside, place, sql};
use crate::rig::{Home, figure};

/// A machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

const LOST: &str = "UPDATE video SET title = 'lost' WHERE id = ?";

#[cache_query(tables = ["video"])]
async fn title(db: &Database<Db>, id: i64) -> Result<String> {
    uncached(db, id).await
}

async fn uncached(db: &Database<Db>, id: i64) -> Result<String> {
    Ok(db.fetch_one::<(String,)>(sql("SELECT title FROM video WHERE id = ?"), (id,)).await?.0)
}

async fn home() -> Home<Db> {
    let home = Home::new(place(), DatabaseOptions::new().max_connections(4).acquire_deadline(PATIENCE));
    for text in [
        "CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)",
        "INSERT INTO video (id, title) VALUES (1, 'Dawn'), (2, 'Noon')",
    ] {
        home.db.execute(sql(text), ()).await.unwrap();
    }
    for (id, right) in [(1, "Dawn"), (2, "Noon")] {
        assert_eq!(title(&home.db, id).await.unwrap(), right);
    }
    home.keep("kept", &["video"]);
    home
}

/// Nothing was kept of what was lost, neither there nor in the cache, and all goes on.
async fn well(home: &Home<Db>) {
    let db = &home.db;
    for (id, right) in [(1, "Dawn"), (2, "Noon")] {
        assert_eq!((title(db, id).await.unwrap(), uncached(db, id).await.unwrap()), (right.into(), right.into()));
    }
    let both = db.transaction::<_, Error, _, _>(|tx| async move {
        tx.execute(sql("UPDATE video SET title = 'Dusk' WHERE id = ?"), (1_i64,)).await?;
        tx.execute(sql("UPDATE video SET title = 'Night' WHERE id = ?"), (2_i64,)).await
    });
    assert_eq!(both.await.unwrap().rows, 1);
    for (id, right) in [(1, "Dusk"), (2, "Night")] {
        assert_eq!((title(db, id).await.unwrap(), uncached(db, id).await.unwrap()), (right.into(), right.into()));
    }
    assert_eq!(outside(home.url()).await.transactions, 0);
}

/// D6: all connections are ended by an operator, one in the middle of a query. The control asks without asking again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_reads_are_asked_again_when_their_connection_was_ended() {
    let home = home().await;
    let nap = SLOW.replace("0.3", "0.05");
    let mut bare = sqlx::Pool::<Db>::connect(home.url()).await.unwrap().acquire().await.unwrap().detach();
    let mut failed = Vec::new();
    for round in 0..20 {
        let slow = {
            let (db, nap) = (home.db.clone(), nap.clone());
            tokio::spawn(async move { db.fetch_one::<(i64,)>(sql(&nap), ()).await })
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
        end(home.url()).await;
        failed.extend(home.db.fetch_all::<(i64,)>(sql("SELECT id FROM video"), ()).await.err());
        failed.extend(slow.await.unwrap().err());
        title::remove(&home.db, 1 + round % 2).await;
        failed.extend(title(&home.db, 1 + round % 2).await.err());
    }
    figure("D6", format!("20 times all connections ended: {} of 60 reads failed", failed.len()));
    assert!(failed.is_empty(), "{failed:?}");
    assert!(bare.ping().await.is_err(), "the control");
    well(&home).await;
}

/// With it a statement is a transaction, and there is one more statement before a commit: it is known that nothing was
/// committed, and entries may stay.
fn has_outbox() -> bool {
    std::env::var_os("CACHED_OUTBOX").is_some()
}

/// When a transaction loses its connection, after its first statement.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Asleep,
    BeforeAnother,
    BeforeTheCommit,
}

/// D6. Of what was not committed nothing stays; of a commit that was lost nobody knows, which is why entries go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_a_transaction_whose_connection_was_ended_keeps_nothing_and_says_so() {
    for when in [When::Asleep, When::BeforeAnother, When::BeforeTheCommit] {
        let home = home().await;
        let (db, url) = (home.db.clone(), home.url().to_owned());
        let lost = tokio::spawn(async move {
            db.transaction::<_, Error, _, _>(|tx| async move {
                tx.execute(sql(LOST), (1_i64,)).await?;
                if when == When::Asleep {
                    tx.execute(sql(&format!("{LOST} AND {SLEEPS}")), (2_i64,)).await?;
                    return Ok(());
                }
                assert_eq!(outside(&url).await.transactions, 1, "there is one to be lost");
                end(&url).await;
                if when == When::BeforeAnother {
                    tx.execute(sql(LOST), (2_i64,)).await?;
                }
                Ok(())
            })
            .await
        });
        if when == When::Asleep {
            kit::until("it sleeps", PATIENCE, || asleep(home.url()) == 1);
            end(home.url()).await;
        }
        let error = lost.await.unwrap().expect_err("what is lost is not told as done");
        assert_eq!(error.kind(), ErrorKind::Connection, "{when:?}: {error}");
        if when == When::BeforeTheCommit && !has_outbox() {
            assert!(!home.has("kept").await, "for all that is known it was committed");
        }
        well(&home).await;
    }
}

/// D6. A scope that goes on regardless is not told that all is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_a_scope_that_does_not_mind_the_lost_connection_commits_nothing() {
    let home = home().await;
    let url = home.url().to_owned();
    let lost = home.db.transaction::<_, Error, _, _>(|tx| async move {
        tx.execute(sql(LOST), (1_i64,)).await?;
        end(&url).await;
        let told = tx.execute(sql(LOST), (2_i64,)).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Connection, "{told}");
        tx.execute(sql(LOST), (2_i64,)).await.expect_err("it takes no more");
        Ok(())
    });
    lost.await.expect_err("nothing was committed");
    well(&home).await;
}

/// D6. It is not asked again, for it may have run; and as nobody knows, entries go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_a_write_whose_connection_was_ended_is_an_error_and_invalidates() {
    let home = home().await;
    let db = home.db.clone();
    let lost = tokio::spawn(async move { db.execute(sql(&format!("{LOST} AND {SLEEPS}")), (1_i64,)).await });
    kit::until("it sleeps", PATIENCE, || asleep(home.url()) == 1);
    assert!(home.has("kept").await && title::peek(&home.db, 1).await.is_some(), "nothing is untrue yet");
    end(home.url()).await;
    let error = lost.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(asleep(home.url()), 0, "it is not asked again");
    assert!(has_outbox() || !home.has("kept").await && title::peek(&home.db, 1).await.is_none());
    well(&home).await;
}
