//! A cached method. What of `self` makes the result different belongs in the key; the compiler insists on it.

use std::sync::Arc;

use cached_runtime::cache;

use crate::db::{Db, Result};

/// An office that books alternatives for its customers.
#[derive(Clone)]
pub struct Desk {
    pub tenant: String,
    pub alternatives: u32,
    pub db: Db,
}

impl Desk {
    /// The nearest other airports, as many as this tenant offers. Stored as JSON, for others to read.
    #[cache(key = "desk:{self.tenant}:nearest:{code}", ttl = "1h", format = "json")]
    pub async fn nearest(&self, code: &str) -> Result<Arc<Vec<String>>> {
        self.db.nearest(code, self.alternatives).await.map(Arc::new)
    }
}
