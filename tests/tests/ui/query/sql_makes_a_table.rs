use cached_runtime::database::Database;
use cached_runtime::invalidate;
use sqlx::Sqlite;

#[invalidate(sql = "CREATE TABLE video (id INTEGER)")]
async fn f(db: &Database<Sqlite>) -> cached_runtime::Result<()>;

fn main() {}
