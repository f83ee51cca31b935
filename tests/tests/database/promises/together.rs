//! Batches over a database: a loop that asks for one row at a time becomes one question, and writes still tell rows.

use std::collections::HashMap;

use cached_runtime::database::Database;
use cached_runtime::{Result, cache_query};

use super::here::{Db, place, sql};
use crate::rig::{Home, patient};

type Handle = Database<Db>;

#[cache_query(batch = ids, tables = ["word"], coalesce = "20ms", max_batch = 100)]
async fn words(db: &Handle, ids: &[i64]) -> Result<HashMap<i64, String>> {
    let list: Vec<String> = ids.iter().map(i64::to_string).collect();
    let text = format!("SELECT id, said FROM word WHERE id IN ({})", list.join(", "));
    Ok(db.fetch_all::<(i64, String)>(sql(&text), ()).await?.into_iter().collect())
}

async fn home() -> Home<Db> {
    let home = Home::<Db>::new(place(), patient());
    home.db.execute(sql("CREATE TABLE word (id BIGINT PRIMARY KEY, said VARCHAR(40) NOT NULL)"), ()).await.unwrap();
    let rows: Vec<(i64, String)> = (0..200).map(|id| (id, format!("word {id}"))).collect();
    let insert = sql("INSERT INTO word (id, said) VALUES (?, ?)");
    home.db.execute_batch(insert, rows).await.unwrap().complete().unwrap();
    home
}

/// How often the table was asked.
fn asked(home: &Home<Db>) -> u64 {
    let asked = |shape: &str| shape.starts_with("SELECT id, said FROM word");
    home.db.queries().into_iter().filter(|query| asked(&query.shape)).map(|query| query.count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_single_calls_are_one_query() {
    let home = home().await;
    let calls: Vec<_> = (0..100)
        .map(|id| {
            let db = home.db.clone();
            tokio::spawn(async move { words::one(&db, &id).await })
        })
        .collect();
    for (id, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap(), Some(format!("word {id}")));
    }
    // A machine that is busy may halt for longer than calls wait for each other.
    assert!((1..=3).contains(&asked(&home)), "{} queries", asked(&home));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_is_seen_by_the_next_batch() {
    let home = home().await;
    let all: Vec<i64> = (0..50).collect();
    assert_eq!(words(&home.db, &all).await.unwrap().len(), 50);
    assert_eq!(words(&home.db, &all).await.unwrap().len(), 50);
    assert_eq!(asked(&home), 1);
    home.db.execute(sql("UPDATE word SET said = 'another' WHERE id = ?"), (7_i64,)).await.unwrap();
    home.db.execute(sql("DELETE FROM word WHERE id = ?"), (8_i64,)).await.unwrap();
    let found = words(&home.db, &all).await.unwrap();
    assert_eq!((found.len(), &*found[&7], found.get(&8)), (49, "another", None));
}

/// A transaction sees what it has written; what it sees is kept nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_in_a_transaction_is_its_own() {
    let home = home().await;
    let rolled_back = home
        .db
        .transaction(|tx| async move {
            tx.execute(sql("UPDATE word SET said = 'mine' WHERE id = ?"), (1_i64,)).await?;
            assert_eq!(words(&tx, &[1, 2]).await?[&1], "mine");
            assert_eq!(words::one(&tx, &1).await?.as_deref(), Some("mine"));
            Err::<(), _>(cached_runtime::Error::new(cached_runtime::ErrorKind::Database, "no"))
        })
        .await;
    assert!(rolled_back.is_err());
    assert_eq!(words(&home.db, &[1, 2]).await.unwrap()[&1], "word 1");
}
