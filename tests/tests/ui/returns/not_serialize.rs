use cached_runtime::cache;

#[derive(Clone)]
struct Frame(#[allow(dead_code)] u32);

#[cache]
async fn f(id: u32) -> Option<Frame> {
    Some(Frame(id))
}

fn main() {}
