use cached_runtime::database::Database;
use cached_runtime::invalidate;
use sqlx::Sqlite;

#[invalidate(sql = "SELECT title FROM video WHERE id = ?")]
async fn f(db: &Database<Sqlite>, id: i64) -> cached_runtime::Result<()>;

fn main() {}
