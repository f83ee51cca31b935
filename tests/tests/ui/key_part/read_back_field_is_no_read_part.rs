use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart)]
struct Id(u32);

#[derive(KeyPart, ReadPart)]
struct Page {
    id: Id,
    number: u32,
}

fn main() {}
