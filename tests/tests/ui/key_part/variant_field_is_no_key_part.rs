use cached_runtime::KeyPart;

struct Db;

#[derive(KeyPart)]
enum Page {
    First,
    At(Db, u32),
}

fn main() {}
