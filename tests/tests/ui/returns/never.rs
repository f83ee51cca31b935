use cached_runtime::cache;

#[cache]
async fn f(id: u32) -> ! {
    panic!("{id}")
}

fn main() {}
