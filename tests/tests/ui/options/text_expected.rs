use cached_runtime::cache;

#[cache(name = 3)]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
