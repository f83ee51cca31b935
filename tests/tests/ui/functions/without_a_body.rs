use cached_runtime::cache;

trait Source {
    #[cache]
    async fn f(id: u32) -> u32;
}

fn main() {}
