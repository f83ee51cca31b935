use cached_runtime::invalidate;

struct Db;

#[invalidate(tags = ["db:{db}"])]
async fn f(db: &Db) {
    let _ = db;
}

fn main() {}
