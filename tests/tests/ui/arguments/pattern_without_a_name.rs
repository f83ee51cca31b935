use cached_runtime::cache;

#[cache]
async fn f((a, b): (u32, u32)) -> u32 {
    a + b
}

fn main() {}
