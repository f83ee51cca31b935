use cached_runtime::database::Database;
use cached_runtime::invalidate;
use sqlx::Sqlite;

#[invalidate(sql = "UPDATE video SET title = 'new'; DELETE FROM caption")]
async fn f(db: &Database<Sqlite>) -> cached_runtime::Result<()>;

fn main() {}
