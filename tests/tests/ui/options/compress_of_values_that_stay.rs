use cached_runtime::cache;

#[cache(local, compress = "text")]
async fn stays(id: u64) -> String {
    format!("{id}")
}

#[cache(compress = "text")]
fn waits_for_nothing(id: u64) -> String {
    format!("{id}")
}

fn main() {}
