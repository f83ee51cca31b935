use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "SELECT title FROM video WHERE id = :id")]
async fn f(db: &Database<Sqlite>, id: i64, lang: &str) -> cached_runtime::Result<Vec<String>>;

fn main() {}
