use cached_runtime::cache;

#[cache(tables = ["video"])]
async fn f(video: u32) -> u32 {
    video
}

fn main() {}
