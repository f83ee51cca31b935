use cached_runtime::cache;

#[cache(predict(sure = 0.9))]
async fn misnamed(id: u32) -> String {
    id.to_string()
}

#[cache(predict(precision = 90))]
async fn percent(id: u32) -> String {
    id.to_string()
}

#[cache(predict(ahead = 100))]
async fn far(id: u32) -> String {
    id.to_string()
}

#[cache(predict)]
fn not_async(id: u32) -> String {
    id.to_string()
}

#[cache(predict, batch = ids)]
async fn several(ids: &[u32]) -> Vec<(u32, String)> {
    ids.iter().map(|id| (*id, id.to_string())).collect()
}

fn main() {}
