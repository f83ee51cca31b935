use cached_runtime::{cache, warmup};

#[warmup]
#[cache]
async fn frames(id: u32) -> String {
    id.to_string()
}

#[warmup(args = [1, 2])]
async fn nothing_to_fill() {}

#[warmup(args = [1], args_from = all, skip(nobody))]
async fn both(_id: u32) {}

fn all() -> Vec<u32> {
    Vec::new()
}

fn main() {}
