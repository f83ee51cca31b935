use cached_runtime::cache;

#[cache(ttl = "adaptive")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
