use cached_runtime::cache_query;

#[cache_query(tables = ["my video"])]
async fn f(video: u32) -> u32 {
    video
}

fn main() {}
