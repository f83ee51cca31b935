use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "SELECT id, title FROM video WHERE id = :ids", batch = ids)]
async fn titles(db: &Database<Sqlite>, ids: &[i64]) -> cached_runtime::Result<Vec<(i64, String)>>;

fn main() {}
