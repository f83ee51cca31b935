use cached_runtime::warmup;

struct Service;

impl Service {
    #[warmup]
    async fn refresh(&self) {}
}

#[warmup(args = [1])]
async fn of_any<T: Send>(_id: u32) {}

#[warmup]
async fn exclusive(_count: &mut u32) {}

fn main() {}
