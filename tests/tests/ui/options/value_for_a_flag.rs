use cached_runtime::cache;

#[cache(local = true)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
