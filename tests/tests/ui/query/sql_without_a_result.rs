use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "SELECT title FROM video")]
async fn f(db: &Database<Sqlite>) -> Vec<String>;

fn main() {}
