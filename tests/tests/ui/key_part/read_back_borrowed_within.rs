use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart, ReadPart)]
enum Page<'a> {
    First,
    Of(Option<&'a str>, u32),
    Among { all: Vec<(u8, &'a [u8])> },
}

fn main() {}
