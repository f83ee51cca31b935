use cached_runtime::cache;

#[cache(ttl = "1m", refresh_ahead = "1m")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
