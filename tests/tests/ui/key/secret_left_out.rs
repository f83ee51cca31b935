use cached_runtime::cache;

#[cache(key = "video:{id}", secret(token))]
async fn f(id: u32, token: String) -> String {
    format!("{id}{token}")
}

fn main() {}
