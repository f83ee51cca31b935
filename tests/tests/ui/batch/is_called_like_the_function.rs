use std::collections::HashMap;

use cached_runtime::cache;

#[cache(batch = users)]
async fn users(users: &[u32]) -> HashMap<u32, String> {
    users.iter().map(|id| (*id, id.to_string())).collect()
}

fn main() {}
