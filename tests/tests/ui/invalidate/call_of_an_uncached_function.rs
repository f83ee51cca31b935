use cached_runtime::invalidate;

#[invalidate(g(id))]
async fn f(id: u32) {
    let _ = id;
}

fn g(_: u32) {}

fn main() {}
