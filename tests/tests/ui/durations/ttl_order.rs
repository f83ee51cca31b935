use cached_runtime::cache;

#[cache(ttl = "30m1h")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
