use cached_runtime::cache;

#[cache(rate = "5/m")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
