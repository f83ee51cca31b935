use std::collections::HashMap;

use cached_runtime::cache;

#[cache(batch = ids)]
async fn names(ids: &[&str]) -> HashMap<String, usize> {
    ids.iter().map(|id| (id.to_string(), id.len())).collect()
}

fn main() {}
