use cached_runtime::cache;

trait Db {}

#[cache(key = "f:{id}")]
async fn f(db: &dyn Db, id: u32) -> u32 {
    let _ = db;
    id
}

fn main() {}
