use cached_runtime::invalidate;

#[invalidate(tags = ["video:{id}"])]
unsafe fn f(id: u32) -> Result<(), ()> {
    let _ = id;
    Ok(())
}

fn main() {}
