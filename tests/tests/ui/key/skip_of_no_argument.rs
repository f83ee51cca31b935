use cached_runtime::cache;

#[cache(skip(ib))]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
