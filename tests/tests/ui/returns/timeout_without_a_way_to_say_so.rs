use cached_runtime::cache;

#[cache(timeout = "1s")]
async fn f(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {}
