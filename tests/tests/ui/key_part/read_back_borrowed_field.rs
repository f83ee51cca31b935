use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart, ReadPart)]
struct Page<'a> {
    video: &'a str,
    number: u32,
}

#[derive(KeyPart, ReadPart)]
struct Pair<'a>((&'a str, u32));

fn main() {}
