use cached_runtime::cache;

#[cache(stale = "1h", soft_timeout = "5s", timeout = "5s")]
async fn f(id: u32) -> Result<u32, cached_runtime::Error> {
    Ok(id)
}

fn main() {}
