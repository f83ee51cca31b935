use cached_runtime::invalidate;

#[invalidate(3)]
async fn f(id: u32) -> Result<(), ()> {
    let _ = id;
    Ok(())
}

fn main() {}
