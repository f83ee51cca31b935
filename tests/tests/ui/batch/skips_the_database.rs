use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(batch = ids, tables = ["video"], skip(db))]
async fn titles(db: &Database<Sqlite>, ids: &[i64]) -> cached_runtime::Result<Vec<(i64, String)>> {
    let _ = db;
    Ok(ids.iter().map(|id| (*id, id.to_string())).collect())
}

fn main() {}
