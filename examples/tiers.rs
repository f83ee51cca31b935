//! Tiers below memory: on disk and in SQLite; what flush and shutdown report; what a restart finds.
//!
//! `cargo run --example tiers`

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use cached_runtime::{Cache, cache};

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cache(key = "report:{year}", ttl = "1h", tags = ["reports"])]
async fn report(year: u32) -> String {
    LOADS.fetch_add(1, Relaxed);
    format!("all that happened in {year}")
}

/// Never leaves this process: any type that is `Clone` will do.
#[cache(local)]
async fn session(user: u32) -> u32 {
    LOADS.fetch_add(1, Relaxed);
    user
}

/// Memory, then fjall in a directory, then SQLite in a file. One tier below memory is enough for most.
fn build(dir: &Path) -> cached_runtime::Result<Cache> {
    Cache::builder()
        .near_bytes(16 << 20)
        .disk_with(dir.join("disk"), 100 << 20)
        .sqlite_with(dir.join("frames.db"), 500 << 20)
        .read_deadline(Duration::from_millis(50))
        .install()
}

/// The loads that reading ten reports and one session takes.
async fn loads() -> u64 {
    let before = LOADS.load(Relaxed);
    for year in 2000..2010 {
        report(year).await;
    }
    session(1).await;
    LOADS.load(Relaxed) - before
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let patience = Duration::from_secs(5);

    let cache = build(dir.path())?;
    assert_eq!((loads().await, loads().await), (11, 0));
    // Values are written behind the caller's back; this waits for them.
    println!("flush:    {:?}", cache.flush(patience).await);
    // Writes what is left and lets go of files and locks. A service does this when it is told to end.
    println!("shutdown: {:?}", cache.shutdown(patience).await);

    let cache = build(dir.path())?;
    assert_eq!(loads().await, 1, "after a restart only the session is loaded");
    println!("\n{}\n", cache.stats());

    // What was invalidated stays so, over a restart as well.
    println!("invalidation: {:?}", cache.invalidate_tags(["reports"]).await);
    cache.shutdown(patience).await;
    let cache = build(dir.path())?;
    assert_eq!(loads().await, 11);
    cache.shutdown(patience).await;
    Ok(())
}
