use cached_runtime::invalidate;

#[invalidate(tags = ["video:{di}"])]
async fn f(id: u32) -> Result<(), ()> {
    let _ = id;
    Ok(())
}

fn main() {}
