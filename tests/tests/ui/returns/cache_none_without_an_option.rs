use cached_runtime::cache;

#[cache(cache_none)]
async fn f(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {}
