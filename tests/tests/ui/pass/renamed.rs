//! The runtime under another name, and reached through another crate's module.
#![deny(warnings)]

mod framework {
    pub mod deep {
        pub use cached_runtime as cached;
    }
}

use framework::deep::cached::{KeyPart, cache, invalidate};

#[derive(KeyPart)]
#[key(crate = framework::deep::cached)]
struct Page(u32);

#[cache(crate = framework::deep::cached, ttl = "1m", tags = ["page:{page}"], cache_if = |n| *n > 1)]
async fn load(page: Page) -> u32 {
    page.0
}

#[invalidate(crate = framework::deep::cached, tags = ["page:{page}"])]
async fn save(page: u32) {
    let _ = page;
}

pub(crate) fn main() {
    drop((load(Page(1)), save(1)));
}
