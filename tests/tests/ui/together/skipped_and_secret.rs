use cached_runtime::cache;

#[cache(skip(id), secret(id))]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
