use cached_runtime::cache;

#[cache(ttl = "10m", ttl = "5m")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
