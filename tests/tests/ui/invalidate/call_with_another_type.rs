use cached_runtime::{cache, invalidate};

#[cache]
async fn g(id: u32) -> u32 {
    id
}

#[invalidate(g(name))]
async fn f(name: &str) {
    let _ = name;
}

fn main() {}
