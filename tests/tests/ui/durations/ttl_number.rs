use cached_runtime::cache;

#[cache(ttl = 600)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
