use cached_runtime::cache_query;
use cached_runtime::database::Database;


#[cache_query(sql = "WITH gone AS (DELETE FROM video RETURNING id) SELECT id FROM gone")]
async fn f(db: &Database<sqlx::Postgres>) -> cached_runtime::Result<Vec<i64>>;

fn main() {}
