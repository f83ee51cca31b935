use std::collections::HashMap;

use cached_runtime::cache;

#[cache(batch = ids, skip(ids))]
async fn names(ids: &[u32]) -> HashMap<u32, String> {
    ids.iter().map(|id| (*id, id.to_string())).collect()
}

fn main() {}
