use cached_runtime::cache;

#[cache]
async fn f(id: u32) -> Result<u32, std::num::ParseIntError> {
    let n: bool = "7".parse()?;
    Ok(id + u32::from(n))
}

fn main() {}
