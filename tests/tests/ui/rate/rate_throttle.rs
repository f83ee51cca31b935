use cached_runtime::cache;

#[cache(throttle = "5/m")]
async fn f(id: u32) -> Result<u32, cached_runtime::Error> {
    Ok(id)
}

fn main() {}
