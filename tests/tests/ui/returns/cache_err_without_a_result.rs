use cached_runtime::cache;

#[cache(cache_err = "5s")]
async fn f(id: u32) -> Option<u32> {
    Some(id)
}

fn main() {}
