use cached_runtime::cache;

#[cache(tags = [1, 2])]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
