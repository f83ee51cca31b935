use cached_runtime::invalidate;

#[invalidate(tags = ["all"])]
async fn f(id: u32) -> impl Iterator<Item = u32> {
    0..id
}

fn main() {}
