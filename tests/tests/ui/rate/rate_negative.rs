use cached_runtime::cache;

#[cache(rate = "-5/s")]
async fn f(id: u32) -> Result<u32, cached_runtime::Error> {
    Ok(id)
}

fn main() {}
