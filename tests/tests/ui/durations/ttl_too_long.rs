use cached_runtime::cache;

#[cache(ttl = "99999999999d")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
