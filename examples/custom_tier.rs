//! A tier of one's own: it stores what it is given and forgets what it is told to. The suite that every tier has to
//! pass is public; it runs first.
//!
//! `cargo run --example custom_tier`

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cached_runtime::codec::Frame;
use cached_runtime::group::Record;
use cached_runtime::key::Key;
use cached_runtime::testing::contract;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::tier::{Note, Recall, Reply, Step, Tidied};
use cached_runtime::{Cache, Tier, cache};

/// Another machine, played by a map and a delay.
#[derive(Debug, Default, Clone)]
struct Remote(Arc<MemoryTier>);

impl Tier for Remote {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_micros(200)).await;
            self.0.get(keys).await
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        self.0.put(frames)
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        self.0.apply(records)
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        self.0.remove(keys)
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        self.0.note(note)
    }

    fn recall(&self) -> Reply<'_, Recall> {
        self.0.recall()
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        self.0.tidy(step)
    }

    fn trust(&self, trusted: bool) {
        self.0.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.0.close()
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("remote")
    }
}

#[cache(ttl = "1h")]
async fn cube(n: u64) -> u64 {
    n.pow(3)
}

#[tokio::main]
async fn main() -> cached_runtime::Result<()> {
    contract::all(|| async { Remote::default() }).await;
    println!("the contract is kept");

    // Guards come with the stack: a deadline, a breaker, a queue for writes, counters.
    let remote = Remote::default();
    let cache = Cache::builder().tier(remote.clone()).install()?;
    cube(3).await;
    cache.flush(Duration::from_secs(5)).await;
    assert!(remote.get(&[cube::key(3)]).await?[0].is_some());
    println!("{}", cache.stats());
    Ok(())
}
