use cached_runtime::{cache, warmup};

#[warmup(args = ["one", "two"])]
#[cache]
async fn frames(id: u32) -> String {
    id.to_string()
}

#[warmup(args = [1, 2])]
#[cache]
async fn captions(id: u32, lang: &str) -> String {
    format!("{id} {lang}")
}

fn main() {}
