use cached_runtime::invalidate;

#[invalidate(tags = ["video:{id}"], when = "afer")]
async fn f(id: u32) -> Result<(), ()> {
    let _ = id;
    Ok(())
}

fn main() {}
