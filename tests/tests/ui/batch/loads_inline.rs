use std::collections::HashMap;

use cached_runtime::cache;

#[cache(batch = ids, load = "inline", lock = "cluster")]
async fn names(ids: &[u32]) -> HashMap<u32, String> {
    ids.iter().map(|id| (*id, id.to_string())).collect()
}

fn main() {}
