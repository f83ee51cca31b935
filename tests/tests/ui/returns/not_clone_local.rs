use cached_runtime::cache;

struct Frame(#[allow(dead_code)] u32);

#[cache(local)]
async fn f(id: u32) -> Frame {
    Frame(id)
}

fn main() {}
