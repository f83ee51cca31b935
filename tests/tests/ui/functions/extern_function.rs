use cached_runtime::cache;

#[cache]
extern "C" fn f(id: u32) -> u32 {
    id
}

fn main() {}
