use cached_runtime::{Error, cache_query};

#[cache_query(tables = ["video"], rate = "1/w")]
async fn f(id: u32) -> Result<u32, Error> {
    Ok(id)
}

fn main() {}
