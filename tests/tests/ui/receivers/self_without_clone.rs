use cached_runtime::cache;

struct Store {
    tenant: String,
}

impl Store {
    #[cache(key = "store:{self.tenant}:{id}")]
    async fn load(&self, id: u32) -> String {
        format!("{}{id}", self.tenant)
    }
}

fn main() {}
