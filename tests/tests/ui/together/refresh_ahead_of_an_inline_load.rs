use cached_runtime::cache;

#[cache(load = "inline", refresh_ahead = "5s")]
async fn f(id: u32) -> u32 {
    id
}

fn main() {}
