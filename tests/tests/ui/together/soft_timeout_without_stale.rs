use cached_runtime::cache;

#[cache(soft_timeout = "1s")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
