#![deny(warnings)]
#![forbid(unsafe_code)]
use cached_runtime::{KeyPart, cache, invalidate};
use serde::{Deserialize, Serialize};

#[derive(Clone)]
struct Db;

#[derive(Clone, Serialize, Deserialize)]
struct Frame(u32);

#[derive(Debug)]
struct DbError;

#[derive(KeyPart)]
struct Page<'a> {
    video: &'a str,
    number: u32,
}

#[derive(KeyPart)]
enum Which<T> {
    All,
    Of(T, u32),
    Named { name: String },
}

#[cache(key = "video:{video_id}:frames", ttl = "10m", stale = "1h", tags = ["video:{video_id}"])]
async fn frames(db: &Db, video_id: &str) -> Result<Vec<Frame>, DbError> {
    let _db: &Db = db;
    if video_id.is_empty() {
        return Err(DbError);
    }
    let n: u32 = video_id.parse().map_err(|_| DbError)?;
    Ok(vec![Frame(n)])
}

#[cache]
fn square(n: u64) -> u64 {
    n * n
}

#[cache(load = "inline")]
async fn page(page: &Page<'_>, mut n: u32) -> Option<String> {
    n += page.number;
    Some(format!("{}{n}", page.video))
}

#[cache]
async fn which(which: Option<&str>, x: Vec<u8>) -> usize {
    which.map_or(0, str::len) + x.len()
}

#[invalidate(tags = ["video:{video_id}"], frames(video_id), square(4))]
async fn rename(db: &Db, video_id: &str, title: &str) -> Result<(), DbError> {
    let _ = (db, title, video_id);
    Ok(())
}

pub(crate) fn main() {
    let _ = (frames::entry("a"), square(3), square::key(3), Which::Of(1, 2), Which::<u8>::All);
    let _ = Which::<u8>::Named { name: String::new() };
    let _ = (which(None, vec![]), rename(&Db, "", ""), page(&Page { video: "", number: 1 }, 2));
}
