use cached_runtime::cache_query;
use sqlx::SqlitePool;

#[cache_query(sql = "SELECT title FROM video WHERE id = :id")]
async fn f(pool: &SqlitePool, id: i64) -> cached_runtime::Result<Vec<String>>;

fn main() {}
