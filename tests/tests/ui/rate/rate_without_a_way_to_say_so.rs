use cached_runtime::cache;

#[cache(rate = "5/m")]
async fn f(id: u32) -> Result<u32, String> {
    Ok(id)
}

fn main() {}
