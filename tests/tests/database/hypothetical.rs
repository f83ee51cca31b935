//! Indexes that PostgreSQL's planner is made to believe in.

use cached_runtime::database::Database;
use sqlx::Postgres;

use crate::rig::postgres::{place, sql};
use crate::rig::{Home, patient};

/// The table names a schema, of which no copy could take the place.
async fn home() -> Option<Home<Postgres>> {
    let home = Home::<Postgres>::new(place(), patient().slow(None));
    let db = &home.db;
    if let Err(error) = db.execute(sql("CREATE EXTENSION hypopg"), ()).await {
        // Left out only where `tests/run.sh` has found that it cannot be installed, and says so.
        assert!(std::env::var_os("KIT_WITHOUT_HYPOPG").is_some(), "run tests/run.sh, which installs HypoPG: {error}");
        return None;
    }
    for text in [
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.task (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, status TEXT NOT NULL, \"Due\" BIGINT)",
        "INSERT INTO shop.task SELECT i, i % 500, CASE WHEN i % 50 = 0 THEN 'open' ELSE 'done' END, i FROM generate_series(1, 20000) i",
        "ANALYZE shop.task",
    ] {
        db.execute(sql(text), ()).await.unwrap();
    }
    Some(home)
}

async fn indexes(db: &Database<Postgres>) -> i64 {
    let count = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'shop'";
    db.fetch_one::<(i64,)>(sql(count), ()).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_proved_without_being_made() {
    let Some(home) = home().await else { return };
    let db = &home.db;
    let _: Vec<(i64,)> =
        db.fetch_all(sql("SELECT id FROM shop.task WHERE status = 'open' AND \"Due\" < ?"), (100_i64,)).await.unwrap();
    let _: Vec<(i64,)> = db
        .fetch_all(sql("SELECT id FROM shop.task AS t WHERE t.owner = ? ORDER BY \"Due\" DESC LIMIT 3"), (5_i64,))
        .await
        .unwrap();
    let advice = db.advice().await.unwrap();
    assert_eq!((advice.indexes.len(), indexes(db).await), (2, 1), "{advice}");
    for index in &advice.indexes {
        assert!(index.proved && index.how.contains("HypoPG") && index.sql.contains("\"shop\".\"task\""), "{index:?}");
        let (before, after) = (index.plan_before.cost.unwrap(), index.plan_after.as_ref().unwrap().cost.unwrap());
        assert!(after * 2.0 < before, "{index:?}");
    }
    assert!(advice.indexes.iter().any(|index| index.only.as_deref() == Some("\"status\" = 'open'")), "{advice}");
    assert!(advice.migration().contains("CONCURRENTLY"));
    for line in advice.migration().lines().filter(|line| line.starts_with("CREATE")) {
        db.execute(sql(line.trim_end_matches(';')), ()).await.unwrap();
    }
    assert!(db.advice().await.unwrap().indexes.is_empty(), "they are there now");
}
