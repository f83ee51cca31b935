use cached_runtime::cache;

#[cache(ttl = "10")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
