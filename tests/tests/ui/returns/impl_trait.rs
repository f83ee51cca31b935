use cached_runtime::cache;

#[cache]
async fn f(id: u32) -> impl Iterator<Item = u32> {
    0..id
}

fn main() {}
