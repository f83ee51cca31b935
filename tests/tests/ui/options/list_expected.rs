use cached_runtime::cache;

#[cache(tags = "a")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
