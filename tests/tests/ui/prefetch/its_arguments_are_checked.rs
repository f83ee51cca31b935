use cached_runtime::cache;

#[cache(prefetch(captions(name)))]
async fn frames(name: &str) -> String {
    name.to_owned()
}

#[cache]
async fn captions(id: u32) -> String {
    id.to_string()
}

fn main() {}
