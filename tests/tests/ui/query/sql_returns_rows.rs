use cached_runtime::database::Database;
use cached_runtime::invalidate;
use sqlx::Sqlite;

#[invalidate(sql = "DELETE FROM video WHERE id = ?")]
async fn f(db: &Database<Sqlite>, id: i64) -> cached_runtime::Result<String>;

fn main() {}
