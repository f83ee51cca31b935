use cached_runtime::cache;

#[cache(key = "video:{a}{b}")]
async fn f(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
