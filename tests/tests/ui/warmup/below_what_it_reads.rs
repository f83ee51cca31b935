use cached_runtime::{cache, warmup};

#[cache]
#[warmup(args = [1])]
async fn frames(id: u32) -> String {
    id.to_string()
}

fn main() {}
