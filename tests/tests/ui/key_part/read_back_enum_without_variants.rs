use cached_runtime::{KeyPart, ReadPart};

#[derive(KeyPart, ReadPart)]
enum Never {}

fn main() {}
