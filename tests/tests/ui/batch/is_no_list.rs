use std::collections::HashMap;

use cached_runtime::cache;

#[cache(batch = id)]
async fn name(id: u32) -> HashMap<u32, String> {
    HashMap::from([(id, id.to_string())])
}

fn main() {}
