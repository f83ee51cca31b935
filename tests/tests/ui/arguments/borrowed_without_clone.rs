use cached_runtime::cache;

struct Db;

#[cache(key = "f:{id}")]
async fn f(db: &Db, id: u32) -> u32 {
    let _ = db;
    id
}

fn main() {}
