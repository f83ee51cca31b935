use cached_runtime::cache;

#[cache]
async fn f(id: u32) -> Result<u32, std::num::ParseIntError> {
    let n: u32 = "7".parse()?;
    let text: String = n;
    Ok(id + text.len() as u32)
}

fn main() {}
