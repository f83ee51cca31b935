use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart, ReadPart)]
struct Page {
    #[key(skpi)]
    number: u32,
}

fn main() {}
