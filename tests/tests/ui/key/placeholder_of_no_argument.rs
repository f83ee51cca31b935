use cached_runtime::cache;

#[cache(key = "video:{vdeo}")]
async fn f(video: u32) -> u32 {
    video
}

fn main() {}
