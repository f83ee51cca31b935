//! A hit: through `#[cache]` and through its peers.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs, unreachable_pub, missing_debug_implementations)]

mod kit;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cached::macros::{cached, concurrent_cached};
use cached_runtime::cache;
use kit::{Row, Table, block_on, reach, summary, text, zipf};
use papaya::HashMap as Papaya;

const KEYS: u64 = 10_000;
const ROOM: usize = 20_000;
const CALLS: usize = 200_000;

type Floor<K, V> = std::collections::HashMap<K, V, ahash::RandomState>;
type Quick<K, V> = quick_cache::sync::Cache<K, (V, coarsetime::Instant)>;

/// One set of contestants for one type of value.
macro_rules! contestants {
    ($module:ident, $value:ty, $make:expr) => {
        mod $module {
            use super::*;

            #[cache(ttl = "1h")]
            pub async fn ours(id: u64) -> $value {
                ($make)(id)
            }

            #[cache(ttl = "1h")]
            pub fn ours_sync(id: u64) -> $value {
                ($make)(id)
            }

            #[cached(max_size = 20000, ttl_secs = 3600)]
            pub fn cached_sync(id: u64) -> $value {
                ($make)(id)
            }

            #[cached(max_size = 20000, ttl_secs = 3600)]
            pub async fn cached_async(id: u64) -> $value {
                ($make)(id)
            }

            #[concurrent_cached(max_size = 20000, ttl_secs = 3600)]
            pub fn sharded_sync(id: u64) -> $value {
                ($make)(id)
            }

            #[concurrent_cached(max_size = 20000, ttl_secs = 3600)]
            pub async fn sharded_async(id: u64) -> $value {
                ($make)(id)
            }

            pub fn table(title: &str) -> Table<'static> {
                let fresh = coarsetime::Instant::now() + coarsetime::Duration::from_secs(3600);
                let floor: Floor<u64, $value> = (0..KEYS).map(|id| (id, ($make)(id))).collect();
                let papaya = Papaya::<u64, $value, ahash::RandomState>::default();
                let quick = Arc::new(Quick::<u64, $value>::new(ROOM));
                let moka = moka::sync::Cache::builder()
                    .max_capacity(ROOM as u64)
                    .time_to_live(Duration::from_secs(3600))
                    .build_with_hasher(ahash::RandomState::default());
                let moka_text = moka::sync::Cache::<String, $value>::builder()
                    .max_capacity(ROOM as u64)
                    .time_to_live(Duration::from_secs(3600))
                    .build();
                let moka_future = moka::future::Cache::<u64, $value>::builder()
                    .max_capacity(ROOM as u64)
                    .time_to_live(Duration::from_secs(3600))
                    .build();
                // Each in a pass of its own, so that what one holds lies together.
                for id in 0..KEYS {
                    papaya.pin().insert(id, ($make)(id));
                }
                (0..KEYS).for_each(|id| quick.insert(id, (($make)(id), fresh)));
                (0..KEYS).for_each(|id| moka.insert(id, ($make)(id)));
                (0..KEYS).for_each(|id| moka_text.insert(format!("row:{id}"), ($make)(id)));
                (0..KEYS).for_each(|id| block_on(moka_future.insert(id, ($make)(id))));
                (0..KEYS).for_each(|id| drop(block_on(ours(id))));
                (0..KEYS).for_each(|id| drop(block_on(cached_async(id))));
                (0..KEYS).for_each(|id| drop(block_on(sharded_async(id))));
                (0..KEYS).for_each(|id| drop(ours_sync(id)));
                (0..KEYS).for_each(|id| drop(cached_sync(id)));
                (0..KEYS).for_each(|id| drop(sharded_sync(id)));
                moka.run_pending_tasks();
                let behind = Arc::clone(&quick);

                let mut table = Table::new(title);
                table
                    .row("#[cache] async", |keys| {
                        block_on(async {
                            for &key in keys {
                                black_box(ours(black_box(key)).await);
                            }
                        })
                    })
                    .row("#[cache] sync", |keys| {
                        for &key in keys {
                            black_box(ours_sync(black_box(key)));
                        }
                    })
                    .row("HashMap ahash, no lock", move |keys| {
                        for key in keys {
                            black_box(floor.get(black_box(key)).cloned());
                        }
                    })
                    .row("papaya ahash", move |keys| {
                        for key in keys {
                            black_box(papaya.pin().get(black_box(key)).cloned());
                        }
                    })
                    .row("quick_cache + coarse TTL", move |keys| {
                        for &key in keys {
                            black_box(quick_get(&quick, black_box(key)));
                        }
                    })
                    .row("quick_cache + coarse TTL, async fn", move |keys| {
                        block_on(async {
                            for &key in keys {
                                black_box(quick_async(&behind, black_box(key)).await);
                            }
                        })
                    })
                    .row("cached #[cached] sync LRU+TTL", |keys| {
                        for &key in keys {
                            black_box(cached_sync(black_box(key)));
                        }
                    })
                    .row("cached #[concurrent_cached] sync LRU+TTL", |keys| {
                        for &key in keys {
                            black_box(sharded_sync(black_box(key)));
                        }
                    })
                    .row("cached #[cached] async LRU+TTL", |keys| {
                        block_on(async {
                            for &key in keys {
                                black_box(cached_async(black_box(key)).await);
                            }
                        })
                    })
                    .row("cached #[concurrent_cached] async LRU+TTL", |keys| {
                        block_on(async {
                            for &key in keys {
                                black_box(sharded_async(black_box(key)).await);
                            }
                        })
                    })
                    .row("moka::sync ahash + TTL", move |keys| {
                        for key in keys {
                            black_box(moka.get(black_box(key)));
                        }
                    })
                    .row("moka::sync + TTL, String key by format!", move |keys| {
                        for key in keys {
                            black_box(moka_text.get(&format!("row:{}", black_box(key))));
                        }
                    })
                    .row("moka::future + TTL", move |keys| {
                        block_on(async {
                            for key in keys {
                                black_box(moka_future.get(black_box(key)).await);
                            }
                        })
                    });
                table
            }
        }
    };
}

contestants!(arc, Arc<Row>, |id| Arc::new(Row::of(id)));
contestants!(string, String, text);
contestants!(whole, Row, Row::of);

fn quick_get<V: Clone>(cache: &Quick<u64, V>, key: u64) -> Option<V> {
    let (value, until) = cache.get(&key)?;
    (coarsetime::Instant::recent() < until).then_some(value)
}

async fn quick_async<V: Clone>(cache: &Quick<u64, V>, key: u64) -> Option<V> {
    quick_get(cache, key)
}

mod pair {
    use super::*;

    #[cache(ttl = "1h")]
    pub async fn ours(kind: &str, id: u64) -> Arc<Row> {
        Arc::new(Row::of(id + kind.len() as u64))
    }

    #[concurrent_cached(max_size = 20000, ttl_secs = 3600)]
    pub async fn sharded(kind: String, id: u64) -> Arc<Row> {
        Arc::new(Row::of(id + kind.len() as u64))
    }

    #[cached(max_size = 20000, ttl_secs = 3600)]
    #[allow(clippy::needless_pass_by_value, reason = "this macro wants owned arguments")]
    pub fn cached_sync(kind: String, id: u64) -> Arc<Row> {
        Arc::new(Row::of(id + kind.len() as u64))
    }

    #[derive(Hash)]
    struct Borrowed<'a>(&'a str, u64);

    impl quick_cache::Equivalent<(String, u64)> for Borrowed<'_> {
        fn equivalent(&self, key: &(String, u64)) -> bool {
            self.1 == key.1 && self.0 == key.0
        }
    }

    pub fn table(title: &str) -> Table<'static> {
        let fresh = coarsetime::Instant::now() + coarsetime::Duration::from_secs(3600);
        let quick = Quick::<(String, u64), Arc<Row>>::new(ROOM);
        let moka_text = moka::sync::Cache::<String, Arc<Row>>::builder()
            .max_capacity(ROOM as u64)
            .time_to_live(Duration::from_secs(3600))
            .build();
        (0..KEYS).for_each(|id| quick.insert(("video".to_owned(), id), (Arc::new(Row::of(id)), fresh)));
        (0..KEYS).for_each(|id| moka_text.insert(format!("video:{id}"), Arc::new(Row::of(id))));
        (0..KEYS).for_each(|id| drop(cached_sync("video".to_owned(), id)));
        (0..KEYS).for_each(|id| drop(block_on(ours("video", id))));
        (0..KEYS).for_each(|id| drop(block_on(sharded("video".to_owned(), id))));
        let mut table = Table::new(title);
        table
            .row("#[cache] async (&str, u64)", |keys| {
                block_on(async {
                    for &key in keys {
                        black_box(ours(black_box("video"), black_box(key)).await);
                    }
                });
            })
            .row("quick_cache + coarse TTL, borrowed key", move |keys| {
                for &key in keys {
                    let found = quick.get(&Borrowed(black_box("video"), black_box(key)));
                    black_box(found.filter(|(_, until)| coarsetime::Instant::recent() < *until));
                }
            })
            .row("cached #[cached] sync, owned args", |keys| {
                for &key in keys {
                    black_box(cached_sync(black_box("video").to_owned(), black_box(key)));
                }
            })
            .row("cached #[concurrent_cached] async, owned args", |keys| {
                block_on(async {
                    for &key in keys {
                        black_box(sharded(black_box("video").to_owned(), black_box(key)).await);
                    }
                });
            })
            .row("moka::sync + TTL, String key by format!", move |keys| {
                for key in keys {
                    black_box(moka_text.get(&format!("{}:{}", black_box("video"), black_box(key))));
                }
            });
        table
    }
}

fn columns<'a>(mut table: Table<'a>, zipf: &[u64], hot: &[u64]) -> Table<'a> {
    table.column("zipf 1T", 1, zipf).column("zipf 2T", 2, zipf).column("hot 1T", 1, hot).column("hot 2T", 2, hot);
    table.run().print();
    table
}

fn main() {
    // The peers' coarse clock is fed by a thread of theirs, as a program would.
    let feed = coarsetime::Updater::new(5).start();
    let (zipf, hot) = (zipf(KEYS, CALLS, 1), vec![7; CALLS]);
    let arc = columns(arc::table("A hit, u64 key, Arc<Row>"), &zipf, &hot);
    let pair = columns(pair::table("A hit, (&str, u64) key, Arc<Row>"), &zipf, &hot);
    let string = columns(string::table("A hit, u64 key, String of 100 bytes (cloned)"), &zipf, &hot);
    let whole = columns(whole::table("A hit, u64 key, Row (cloned, four allocations)"), &zipf, &hot);
    drop(feed);

    summary();
    let (ours, sharded, quick) =
        ("#[cache] async", "cached #[concurrent_cached] async LRU+TTL", "quick_cache + coarse TTL");
    let one = "hit, async, Arc<Row>, zipf, 1 thread";
    reach(one, "x `cached` sharded async", arc.ratio(ours, sharded, "zipf 1T"), 0.5);
    reach(one, "goal: x quick_cache with coarse TTL", arc.ratio(ours, quick, "zipf 1T"), 1.5);
    reach("the same, 2 threads", "x `cached` sharded async", arc.ratio(ours, sharded, "zipf 2T"), 0.5);
    reach(
        "the same, 2 threads",
        "goal: x HashMap without a lock",
        arc.ratio(ours, "HashMap ahash, no lock", "zipf 2T"),
        2.0,
    );
    let hot = "one hot key, 2 threads, Arc<Row>";
    reach(hot, "x `cached` sync", arc.ratio(ours, "cached #[cached] sync LRU+TTL", "hot 2T"), 1.0);
    reach(hot, "goal: x papaya", arc.ratio(ours, "papaya ahash", "hot 2T"), 1.0);
    let two = "key (&str, u64), zipf, 1 thread";
    let ours_two = "#[cache] async (&str, u64)";
    reach(
        two,
        "x `cached` sharded, owned args",
        pair.ratio(ours_two, "cached #[concurrent_cached] async, owned args", "zipf 1T"),
        0.4,
    );
    reach(
        two,
        "goal: x quick_cache, borrowed key",
        pair.ratio(ours_two, "quick_cache + coarse TTL, borrowed key", "zipf 1T"),
        1.5,
    );
    let fastest = |table: &Table<'_>, ours: &str, column: &str| {
        ["cached #[cached] sync LRU+TTL", "cached #[concurrent_cached] sync LRU+TTL", sharded]
            .iter()
            .map(|peer| table.ratio(ours, peer, column))
            .fold(0.0, f64::max)
    };
    reach(
        "hit, Arc<Row>, zipf, 1 thread, sync",
        "x `cached`'s fastest macro",
        fastest(&arc, "#[cache] sync", "zipf 1T"),
        1.0,
    );
    reach("hit, Arc<Row>, zipf, 1 thread, async", "x `cached`'s fastest macro", fastest(&arc, ours, "zipf 1T"), 1.0);
    reach(
        one,
        "x moka::sync with a String key",
        arc.ratio(ours, "moka::sync + TTL, String key by format!", "zipf 1T"),
        1.0,
    );
    reach("owned String, zipf, 1 thread", "x `cached`'s fastest macro", fastest(&string, ours, "zipf 1T"), 1.0);
    reach("owned Row, zipf, 1 thread", "x `cached`'s fastest macro", fastest(&whole, ours, "zipf 1T"), 1.0);
    // What an owned value costs beyond an `Arc`, in clones of it: what a map without a lock adds for the same.
    let beyond = |table: &Table<'_>, row: &str| table.ns(row, "zipf 1T") - arc.ns(row, "zipf 1T");
    for (what, table) in [("owned String", &string), ("owned Row", &whole)] {
        let clones = beyond(table, ours) / beyond(table, "HashMap ahash, no lock");
        reach(&format!("{what}, zipf, 1 thread"), "beyond an Arc hit, x its clone", clones, 1.0);
    }
    let scale = arc.ns(ours, "zipf 2T") / arc.ns(ours, "zipf 1T");
    let floor = arc.ns(quick, "zipf 2T") / arc.ns(quick, "zipf 1T");
    reach("2 threads against 1, zipf", "slow-down, x quick_cache's own", scale / floor, 1.25);
}
