//! Answers that are there before anybody asks.

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Result, cache_query, warmup};

use super::here::{Db, place, sql};
use crate::rig::{Home, patient};

#[warmup(hot = 10)]
#[cache_query(sql = "SELECT said FROM uttered WHERE id = :id", ttl = "1h")]
async fn uttered(db: &Database<Db>, id: i64) -> Result<Option<String>>;

async fn fill(db: &Database<Db>) {
    db.execute(sql("CREATE TABLE uttered (id BIGINT PRIMARY KEY, said VARCHAR(40) NOT NULL)"), ()).await.unwrap();
    let rows: Vec<(i64, String)> = (0..20).map(|id| (id, format!("word {id}"))).collect();
    let insert = sql("INSERT INTO uttered (id, said) VALUES (?, ?)");
    db.execute_batch(insert, rows).await.unwrap().complete().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_for_most_is_warmed_of_the_database_that_was_asked() {
    let home = Home::<Db>::new(place(), patient());
    let there = place();
    let options = DatabaseOptions::new().name(&format!("{}2", home.db.name())).cache(&home.cache);
    let other: Database<Db> = Database::open(&there.url, options).unwrap();
    for db in [&home.db, &other] {
        fill(db).await;
    }
    for id in 0..5 {
        uttered(&home.db, id).await.unwrap();
    }
    for id in 5..9 {
        uttered(&other, id).await.unwrap();
    }
    let job = format!("{}.uttered", module_path!().replace("::", "."));
    let warmer = home.cache.warmup().with(home.db.clone()).only([&job]).silent().run().await.unwrap();
    assert_eq!((warmer.report().jobs[0].done, warmer.report().jobs[0].loads), (5, 0), "all are there");
    home.db.execute(sql("UPDATE uttered SET said = ?"), ("another",)).await.unwrap();
    let report = warmer.run_job(&job).await.unwrap();
    assert_eq!((report.done, report.loads), (5, 5), "{report:?}");
    for id in 0..5 {
        assert_eq!(uttered(&home.db, id).await.unwrap().as_deref(), Some("another"));
    }
    let warmed = warmer.report().jobs[0].warmed;
    assert_eq!((warmed.brought, warmed.used), (5, 5));
    warmer.shutdown().await;
}
