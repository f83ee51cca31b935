use std::future::Future;

use cached_runtime::{KeyPart, cache};

struct Service;

impl Service {
    #[cache(predict, skip(self))]
    async fn might_be_of_a_trait(&self, id: u32) -> String {
        id.to_string()
    }

    #[cache(predict, skip(self), companions = false)]
    pub async fn alone(&self, id: u32) -> String {
        id.to_string()
    }
}

trait Load {
    fn load(&self, id: u32) -> impl Future<Output = String> + Send;
}

impl Load for Service {
    #[cache(predict, skip(self))]
    async fn load(&self, id: u32) -> String {
        id.to_string()
    }
}

#[cache(predict)]
async fn of_any(id: impl KeyPart + Clone + Send + 'static) -> u32 {
    let _ = id;
    0
}

#[cache(predict, skip(of))]
async fn borrowed<'a, T: Clone + Send + Sync + 'static>(of: &'a T, id: u32) -> u32
where
    &'a T: Into<u32>,
{
    let _ = of;
    id
}

fn main() {}
