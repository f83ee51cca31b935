use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[cache_query(sql = "SELECT title FROM video WHERE id = ? AND lang = ?")]
async fn f(db: &Database<Sqlite>, id: i64) -> cached_runtime::Result<Vec<String>>;

fn main() {}
