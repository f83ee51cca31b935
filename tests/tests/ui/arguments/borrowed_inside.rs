use cached_runtime::cache;

#[cache]
async fn f(name: std::borrow::Cow<'_, str>) -> usize {
    name.len()
}

fn main() {}
