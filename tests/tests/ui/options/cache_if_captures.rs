use cached_runtime::cache;

#[cache(cache_if = |n| *n > id)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
