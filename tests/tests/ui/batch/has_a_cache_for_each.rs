use std::collections::HashMap;

use cached_runtime::{Cache, cache};

fn of(ids: &u32) -> Cache {
    println!("{ids}");
    Cache::builder().build().unwrap()
}

#[cache(batch = ids, cache = of(ids))]
async fn names(ids: &[u32]) -> HashMap<u32, String> {
    ids.iter().map(|id| (*id, id.to_string())).collect()
}

fn main() {}
