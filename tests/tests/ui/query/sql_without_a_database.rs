use cached_runtime::cache_query;


#[cache_query(sql = "SELECT title FROM video WHERE id = ?")]
async fn f(id: i64) -> cached_runtime::Result<Vec<String>>;

fn main() {}
