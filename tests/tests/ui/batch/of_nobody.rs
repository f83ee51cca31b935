use cached_runtime::cache;

#[cache(max_batch = 10, coalesce = "2ms")]
async fn name(id: u32) -> String {
    id.to_string()
}

fn main() {}
