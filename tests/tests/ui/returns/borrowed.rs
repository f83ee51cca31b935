use cached_runtime::cache;

#[cache]
async fn f(name: &str) -> &str {
    name
}

fn main() {}
