//! Saying that something has changed: by tag, by entry, by pattern, by namespace; before, after, and in a scope.
//!
//! `cargo run --example invalidate`

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cached_runtime::{Cache, cache, invalidate};

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cache(key = "video:{id}:title", ttl = "10m", tags = ["video:{id}"])]
async fn title(id: u32) -> String {
    LOADS.fetch_add(1, Relaxed);
    format!("video {id}")
}

#[cache(key = "video:{id}:frames:{page}", ttl = "10m", tags = ["video:{id}"])]
async fn frames(id: u32, page: u32) -> Vec<u32> {
    LOADS.fetch_add(1, Relaxed);
    vec![id, page]
}

/// All entries that carry the tag. Fires when the function returns `Ok`, or anything that is no `Result`.
#[invalidate(tags = ["video:{id}"])]
async fn publish(id: u32) -> Result<(), &'static str> {
    if id == 0 { Err("no such video") } else { Ok(()) }
}

/// One entry, named by the function's own arguments: the compiler checks them.
#[invalidate(title(id))]
async fn rename(id: u32) {}

/// All keys that match. A `*` stands for any text, also over colons.
#[invalidate(pattern = "video:{id}:frames:*")]
async fn cut(id: u32) {}

/// A whole namespace, before the body and after it.
#[invalidate(namespace = "video", when = "both")]
async fn import() {}

/// Reads everything and says how many of the three had to be loaded.
async fn loads() -> u64 {
    let before = LOADS.load(Relaxed);
    title(1).await;
    frames(1, 1).await;
    title(2).await;
    LOADS.load(Relaxed) - before
}

#[tokio::main]
async fn main() -> Result<(), &'static str> {
    assert_eq!((loads().await, loads().await), (3, 0));

    publish(1).await?;
    assert_eq!(loads().await, 2, "the tag: title and frames of video 1");
    assert!(publish(0).await.is_err());
    assert_eq!(loads().await, 0, "the write failed: nothing is invalidated");
    rename(2).await;
    assert_eq!(loads().await, 1, "the entry: title of video 2");
    cut(1).await;
    assert_eq!(loads().await, 1, "the pattern: frames of video 1");
    import().await;
    assert_eq!(loads().await, 3, "the namespace");

    // By hand, in a scope: fires if the scope returns `Ok`.
    let mut invalidator = Cache::installed().invalidator();
    invalidator.tag("video:2").entry(&frames::entry(1, 1));
    invalidator.scope(async { Ok::<_, &str>(()) }).await?;
    assert_eq!(loads().await, 2, "the scope: title of video 2, frames of video 1");

    // Or at once.
    title::remove(1).await;
    assert_eq!(loads().await, 1, "the companion: title of video 1");
    println!("{}", Cache::installed().stats());
    Ok(())
}
