use cached_runtime::cache;

#[cache]
struct F;

fn main() {}
