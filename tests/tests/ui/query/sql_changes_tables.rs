use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "CREATE TABLE video (id INTEGER)")]
async fn f(db: &Database<Sqlite>) -> cached_runtime::Result<Vec<i64>>;

fn main() {}
