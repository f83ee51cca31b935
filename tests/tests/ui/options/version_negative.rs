use cached_runtime::cache;

#[cache(version = -1)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
