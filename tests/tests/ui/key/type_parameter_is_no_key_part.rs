use cached_runtime::cache;

#[cache]
async fn f<T: Send + 'static>(value: T) -> u32 {
    let _ = value;
    1
}

fn main() {}
