use cached_runtime::cache_query;
use cached_runtime::database::Database;

#[cache_query(tables = ["video"], skip(db))]
async fn f(db: &Database<sqlx::Sqlite>, video: u32) -> u32 {
    let _ = db;
    video
}

fn main() {}
