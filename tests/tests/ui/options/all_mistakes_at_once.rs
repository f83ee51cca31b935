use cached_runtime::cache;

#[cache(tll = "10m", stale = 5, key = "video {id}", skip(ib), load = "inlin")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
