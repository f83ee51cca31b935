use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart, ReadPart)]
enum Page {
    First,
    At(u32, #[key(skip)] u8),
}

fn main() {}
