use cached_runtime::cache;

#[cache(key = "video:{id}", skip(id))]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
