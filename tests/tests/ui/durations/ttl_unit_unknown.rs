use cached_runtime::cache;

#[cache(ttl = "10min")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
