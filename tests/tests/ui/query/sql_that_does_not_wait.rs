use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "SELECT count(*) FROM video")]
fn f(db: &Database<Sqlite>) -> cached_runtime::Result<i64>;

fn main() {}
