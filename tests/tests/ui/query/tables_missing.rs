use cached_runtime::cache_query;

#[cache_query(ttl = "10m")]
async fn f(video: u32) -> u32 {
    video
}

fn main() {}
