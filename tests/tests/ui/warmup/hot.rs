use cached_runtime::{cache, warmup};

#[warmup(hot = 1000)]
async fn no_function_of_a_cache() {}

#[warmup(hot = 1000, args = ["one"])]
#[cache]
async fn two_ways(id: &str) -> String {
    id.to_owned()
}

#[warmup(hot = 0)]
#[cache]
async fn none(id: &str) -> String {
    id.to_owned()
}

#[warmup(hot = 1000)]
#[cache(secret(token))]
async fn hidden(id: u32, token: &str) -> String {
    format!("{id} {}", token.len())
}

#[derive(Clone)]
struct User {
    id: u32,
}

#[warmup(hot = 1000)]
#[cache(key = "user:{user.id}")]
async fn in_part(user: &User) -> u32 {
    user.id
}

#[warmup(hot = 1000)]
#[cache]
async fn nothing_to_read() -> u32 {
    7
}

fn main() {}
