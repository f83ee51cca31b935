use cached_runtime::invalidate;
use sqlx::SqlitePool;

#[invalidate(sql = "DELETE FROM video WHERE id = :id")]
async fn f(pool: &SqlitePool, id: i64) -> cached_runtime::Result<()>;

fn main() {}
