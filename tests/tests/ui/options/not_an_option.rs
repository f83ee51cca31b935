use cached_runtime::cache;

#[cache("10m")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
