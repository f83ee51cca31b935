use cached_runtime::cache;

#[derive(Clone)]
struct Db;

#[cache]
async fn f(db: &Db, id: u32) -> u32 {
    let _ = db;
    id
}

fn main() {}
