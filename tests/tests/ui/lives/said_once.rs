use cached_runtime::cache;

#[cache(ttl = "10m", profile = "query")]
async fn twice(id: u32) -> String {
    id.to_string()
}

#[cache(ttl = "adaptive(1h..30s)")]
async fn reversed(id: u32) -> String {
    id.to_string()
}

#[cache(ttl = "adaptive(30s)")]
async fn one(id: u32) -> String {
    id.to_string()
}

#[cache(ttl = "adaptive(30s..1h)", local)]
async fn near_only(id: u32) -> String {
    id.to_string()
}

#[cache(ttl = "adaptive(30s..1h)")]
fn blocking(id: u32) -> String {
    id.to_string()
}

fn main() {}
