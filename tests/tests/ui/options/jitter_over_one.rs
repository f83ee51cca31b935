use cached_runtime::cache;

#[cache(jitter = 1.5)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
