use cached_runtime::KeyPart;

#[derive(KeyPart)]
#[key(skip)]
struct Page {
    number: u32,
}

fn main() {}
