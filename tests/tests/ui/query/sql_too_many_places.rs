use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "SELECT id FROM video WHERE id IN (:id, :id, :id, :id, :id, :id, :id, :id, :id, :id, :id, :id, :id, :id, :id, :id, :id)")]
async fn f(db: &Database<Sqlite>, id: i64) -> cached_runtime::Result<Vec<i64>>;

fn main() {}
