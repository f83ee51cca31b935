use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "DELETE FROM video WHERE id = ?")]
async fn f(db: &Database<Sqlite>, id: i64) -> cached_runtime::Result<u64>;

fn main() {}
