use cached_runtime::{cache, warmup};

#[cache(predict)]
async fn object(object: u64) -> String {
    object.to_string()
}

#[warmup]
async fn db(db: &u32) {
    let _ = db;
}

#[cache(predict, load = "inline")]
async fn in_its_caller(id: u64) -> String {
    id.to_string()
}

fn main() {}
