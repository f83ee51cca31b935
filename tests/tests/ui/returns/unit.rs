use cached_runtime::cache;

#[cache]
async fn f(id: u32) -> () {
    let _ = id;
}

fn main() {}
