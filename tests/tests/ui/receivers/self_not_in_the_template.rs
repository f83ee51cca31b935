use cached_runtime::cache;

#[derive(Clone)]
struct Store {
    tenant: String,
}

impl Store {
    #[cache(key = "store:{id}")]
    async fn load(&self, id: u32) -> String {
        format!("{}{id}", self.tenant)
    }
}

fn main() {}
