use cached_runtime::KeyPart;

struct Db;

#[derive(KeyPart)]
struct Page(Db);

fn main() {}
