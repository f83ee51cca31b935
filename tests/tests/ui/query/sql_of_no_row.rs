use cached_runtime::cache_query;
use cached_runtime::database::Database;
use sqlx::Sqlite;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Video;

#[cache_query(sql = "SELECT title FROM video")]
async fn f(db: &Database<Sqlite>) -> cached_runtime::Result<Vec<Video>>;

fn main() {}
