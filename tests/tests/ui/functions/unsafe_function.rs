use cached_runtime::cache;

#[cache]
unsafe fn f(id: u32) -> u32 {
    id
}

fn main() {}
