use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart, ReadPart)]
struct Page {
    number: u32,
    #[key(skip)]
    hint: u8,
}

fn main() {}
