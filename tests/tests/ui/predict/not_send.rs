use cached_runtime::cache;

#[cache(predict)]
async fn f(id: u32) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(id)
}

fn main() {}
