use cached_runtime::cache;

#[cache(bananas = 3)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
