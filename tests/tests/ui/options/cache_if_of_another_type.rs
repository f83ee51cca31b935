use cached_runtime::cache;

#[cache(cache_if = |n: &String| n.is_empty())]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
