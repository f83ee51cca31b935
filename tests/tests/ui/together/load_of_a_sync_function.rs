use cached_runtime::cache;

#[cache(load = "inline")]
fn f(id: u32) -> u32 {
    id
}

fn main() {}
