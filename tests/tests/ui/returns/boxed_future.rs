use cached_runtime::cache;

#[cache]
fn f(id: u32) -> std::pin::Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { id })
}

fn main() {}
