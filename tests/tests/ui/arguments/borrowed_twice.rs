use cached_runtime::cache;

#[cache]
async fn f(names: &[&str]) -> usize {
    names.len()
}

fn main() {}
