use cached_runtime::cache;

#[cache]
const fn f(id: u32) -> u32 {
    id
}

fn main() {}
