//! Transactions: what others see of them, and what is invalidated when.

use std::time::Duration;

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Error, ErrorKind, Result};

use super::here::{Db, place, sql};
use crate::rig::Home;

/// A machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

async fn home() -> Home<Db> {
    let home = Home::new(place(), DatabaseOptions::new().max_connections(4).acquire_deadline(PATIENCE));
    home.db.execute(sql("CREATE TABLE account (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL)"), ()).await.unwrap();
    home.db.execute(sql("INSERT INTO account (id, cents) VALUES (1, 100), (2, 0)"), ()).await.unwrap();
    home.keep("accounts", &["account"]);
    home
}

async fn cents(db: &Database<Db>) -> Vec<i64> {
    let rows: Vec<(i64,)> = db.fetch_all(sql("SELECT cents FROM account ORDER BY id"), ()).await.unwrap();
    rows.into_iter().map(|row| row.0).collect()
}

async fn pay(tx: &Database<Db>, from: i64, to: i64) -> Result<()> {
    tx.execute(sql("UPDATE account SET cents = cents - 10 WHERE id = ?"), (from,)).await?;
    tx.execute(sql("UPDATE account SET cents = cents + 10 WHERE id = ?"), (to,)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_invalidates_after_its_commit_and_sees_its_own_writes_before() {
    let home = home().await;
    let paid: Result<Vec<i64>> = home
        .db
        .transaction(|tx| async move {
            pay(&tx, 1, 2).await?;
            assert!(tx.in_transaction());
            Ok(cents(&tx).await)
        })
        .await;
    assert_eq!(paid.unwrap(), [90, 10]);
    assert_eq!(cents(&home.db).await, [90, 10]);
    assert!(!home.has("accounts").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_neither_see_nor_lose_anything_before_the_commit() {
    let home = home().await;
    let (db, kept) = (home.db.clone(), &home);
    let paid: Result<()> = home
        .db
        .transaction(|tx| async move {
            pay(&tx, 1, 2).await?;
            assert_eq!(cents(&db).await, [100, 0], "others see what is committed");
            assert!(kept.has("accounts").await, "nothing is untrue yet");
            Ok(())
        })
        .await;
    paid.unwrap();
    assert!(!home.has("accounts").await);
}

/// D11.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_a_transaction_that_is_rolled_back_changes_nothing_and_invalidates_nothing() {
    let home = home().await;
    let failed: std::result::Result<(), String> = async {
        home.db
            .transaction(|tx| async move {
                pay(&tx, 1, 2).await?;
                Err::<(), _>(Told("the scope's own".to_owned()))
            })
            .await
            .map_err(|Told(own)| own)
    }
    .await;
    assert_eq!(failed.unwrap_err(), "the scope's own");
    assert_eq!(cents(&home.db).await, [100, 0]);
    assert!(home.has("accounts").await);

    let db = home.db.clone();
    let panicked = tokio::spawn(async move {
        db.transaction::<(), Error, _, _>(|tx| async move {
            pay(&tx, 1, 2).await?;
            panic!("in the scope");
        })
        .await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert_eq!(cents(&home.db).await, [100, 0]);

    let scope = home.db.transaction::<(), Error, _, _>(|tx| async move {
        pay(&tx, 1, 2).await?;
        std::future::pending().await
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), scope).await.is_err());
    // The writer's turn comes when that was rolled back.
    let seen = home.db.transaction::<_, Error, _, _>(|tx| async move { Ok(cents(&tx).await) }).await;
    assert_eq!(seen.unwrap(), [100, 0]);
    assert!(home.has("accounts").await);
}

/// An error of a scope.
#[derive(Debug)]
struct Told(String);

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_statement_that_the_scope_did_not_mind_is_not_taken_for_a_commit() {
    let home = home().await;
    let answer: Result<()> = home
        .db
        .transaction(|tx| async move {
            pay(&tx, 1, 2).await?;
            let taken = tx.execute(sql("INSERT INTO account (id, cents) VALUES (1, 5)"), ()).await;
            assert_eq!(taken.unwrap_err().kind(), ErrorKind::Database);
            Ok(())
        })
        .await;
    // PostgreSQL has rolled back; the others have committed the rest. Either is said.
    let expected = if answer.is_ok() { [90, 10] } else { [100, 0] };
    assert_eq!(cents(&home.db).await, expected, "{answer:?}");
    assert_eq!(home.has("accounts").await, answer.is_err());
}

/// What the database ended by itself is not gone on with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failure_that_is_no_constraint_a_transaction_takes_no_more() {
    let home = home().await;
    let answer: Result<()> = home
        .db
        .transaction(|tx| async move {
            pay(&tx, 1, 2).await?;
            let missing = tx.execute(sql("UPDATE nowhere SET x = 1"), ()).await.unwrap_err();
            assert_eq!(missing.kind(), ErrorKind::Database);
            let more = tx.execute(sql("UPDATE account SET cents = 0"), ()).await.unwrap_err();
            assert!(more.to_string().contains("rolled back"), "{more}");
            Ok(())
        })
        .await;
    assert!(answer.unwrap_err().to_string().contains("rolled back"));
    assert_eq!(cents(&home.db).await, [100, 0]);
}

/// A call that was given up goes on with its statement, which may spoil the transaction after the scope has returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_behind_the_scope_is_not_committed() {
    let home = home().await;
    let left = std::sync::Arc::new(tokio::sync::Mutex::new(None));
    let kept = std::sync::Arc::clone(&left);
    let answer: Result<()> = home
        .db
        .transaction(|tx| async move {
            pay(&tx, 1, 2).await?;
            let behind = tx.clone();
            let failing = tokio::spawn(async move { behind.execute(sql("UPDATE nowhere SET x = 1"), ()).await });
            tokio::task::yield_now().await;
            *kept.lock().await = Some(failing);
            Ok(())
        })
        .await;
    let failing = left.lock().await.take().unwrap().await.unwrap().unwrap_err();
    // It was in time, or found the transaction over; never is a commit told that was none.
    let expected = if answer.is_ok() { [90, 10] } else { [100, 0] };
    assert_eq!(cents(&home.db).await, expected, "{answer:?}, {failing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_that_outlives_its_transaction_says_so() {
    let home = home().await;
    let outlived: Result<Database<Db>> = home.db.transaction(|tx| async move { Ok(tx) }).await;
    let error = outlived.unwrap().execute(sql("DELETE FROM account"), ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(cents(&home.db).await, [100, 0]);
    let nested: Result<()> =
        home.db.transaction(|tx| async move { tx.transaction(|_| async { Ok::<(), Error>(()) }).await }).await;
    assert_eq!(nested.unwrap_err().kind(), ErrorKind::Config);
}

/// H8: of transactions that read before they write none is refused, and no payment is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h8_payments_side_by_side_are_neither_refused_nor_lost() {
    let home = home().await;
    let payments = (0..20).map(|_| {
        let db = home.db.clone();
        tokio::spawn(async move {
            db.transaction::<_, Error, _, _>(|tx| async move {
                let _: (i64,) = tx.fetch_one(sql("SELECT cents FROM account WHERE id = 2"), ()).await?;
                tx.execute(sql("UPDATE account SET cents = cents + 1 WHERE id = 2"), ()).await
            })
            .await
        })
    });
    for payment in payments.collect::<Vec<_>>() {
        payment.await.unwrap().unwrap();
    }
    assert_eq!(cents(&home.db).await, [100, 20]);
}
