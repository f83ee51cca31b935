use cached_runtime::cache;

#[cache(name = "a:b")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
