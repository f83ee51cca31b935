use cached_runtime::cache;

#[cache(load = "inlin")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
