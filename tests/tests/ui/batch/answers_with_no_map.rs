use cached_runtime::cache;

#[cache(batch = ids)]
async fn names(ids: &[u32]) -> Vec<String> {
    ids.iter().map(u32::to_string).collect()
}

fn main() {}
