use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[derive(Clone)]
struct Mine;

#[cache_query(sql = "SELECT title FROM video")]
async fn f(db: &Database<Sqlite>) -> Result<Vec<String>, Mine>;

fn main() {}
