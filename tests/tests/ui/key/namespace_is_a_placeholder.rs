use cached_runtime::cache;

#[cache(key = "{id}:video")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
