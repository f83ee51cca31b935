use cached_runtime::cache;

#[cache(rate = "100/sec")]
async fn f(id: u32) -> Result<u32, cached_runtime::Error> {
    Ok(id)
}

fn main() {}
