use cached_runtime::cache;

#[cache(key = "my video:{id}")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
