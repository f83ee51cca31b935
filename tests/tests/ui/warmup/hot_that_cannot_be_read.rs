use cached_runtime::{KeyPart, cache, warmup};

#[derive(KeyPart, Clone)]
struct VideoId(u32);

#[warmup(hot = 1000)]
#[cache]
async fn frames(id: VideoId) -> u32 {
    id.0
}

fn main() {}
