use cached_runtime::cache;

#[cache]
async fn f(_: u32) -> u32 {
    1
}

fn main() {}
