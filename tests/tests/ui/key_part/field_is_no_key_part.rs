use cached_runtime::KeyPart;

struct Db;

#[derive(KeyPart)]
struct Page {
    db: Db,
    number: u32,
}

fn main() {}
