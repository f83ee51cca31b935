use cached_runtime::cache;

#[cache(key = "video:{id}", tags = ["lang:{lang}"], skip(lang))]
async fn f(id: u32, lang: &str) -> String {
    format!("{id}{lang}")
}

fn main() {}
