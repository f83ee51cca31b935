use cached_runtime::invalidate;

#[invalidate(pattern = "video:*:*:*:*:*")]
async fn f() -> Result<(), ()> {
    Ok(())
}

fn main() {}
