use cached_runtime::KeyPart;

#[derive(KeyPart)]
struct Page {
    #[key(skpi)]
    number: u32,
}

fn main() {}
