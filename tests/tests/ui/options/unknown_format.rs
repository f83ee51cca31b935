use cached_runtime::cache;

#[cache(format = "jsno")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
