use cached_runtime::cache;

#[cache(ttl =, jitter = 0.1)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
