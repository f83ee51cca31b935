use cached_runtime::KeyPart;

#[derive(KeyPart)]
enum Never {}

fn main() {}
