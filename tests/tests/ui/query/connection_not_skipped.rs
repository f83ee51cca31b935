use cached_runtime::cache_query;

#[derive(Clone)]
struct Pool;

#[cache_query(tables = ["video"])]
async fn f(pool: &Pool, video: u32) -> u32 {
    let _ = pool;
    video
}

fn main() {}
