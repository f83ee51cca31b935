use cached_runtime::cache;

#[cache(tags = [])]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
