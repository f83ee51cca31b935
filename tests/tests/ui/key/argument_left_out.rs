use cached_runtime::cache;

#[cache(key = "video:{id}")]
async fn f(id: u32, lang: &str) -> String {
    format!("{id}{lang}")
}

fn main() {}
