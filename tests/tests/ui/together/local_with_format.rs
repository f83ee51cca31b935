use cached_runtime::cache;

#[cache(local, format = "json")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
