use cached_runtime::cache;

#[cache(prefetch(captions))]
async fn no_call(id: u32) -> String {
    id.to_string()
}

#[cache(prefetch())]
async fn no_calls(id: u32) -> String {
    id.to_string()
}

#[cache(prefetch(captions(id)))]
fn not_async(id: u32) -> String {
    id.to_string()
}

#[cache(prefetch(captions(id)), batch = id)]
async fn of_several(id: &[u32]) -> Vec<(u32, String)> {
    id.iter().map(|id| (*id, id.to_string())).collect()
}

#[cache]
async fn captions(id: u32) -> String {
    id.to_string()
}

fn main() {}
