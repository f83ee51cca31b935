//! What is kept of an answer: beside the value, how long it lives and what it was made from.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::millis;

/// What can be kept: answers, chunks of streams, documents. Every type is that can be cloned and encoded.
pub trait Content: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Content for T {}

/// A value that says how long it lives: each request may say another time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept<T> {
    /// In milliseconds; zero is not at all.
    life: u64,
    /// Tags that were not known before the load.
    tags: Vec<String>,
    pub(super) value: T,
}

impl<T> Kept<T> {
    pub(super) fn new(value: T, life: Duration) -> Self {
        Self { life: millis(life), tags: Vec::new(), value }
    }

    pub(super) fn tagged(self, tags: Vec<String>) -> Self {
        Self { tags, ..self }
    }

    pub(super) fn life(&self) -> Duration {
        Duration::from_millis(self.life)
    }

    pub(super) fn tags(&self) -> Vec<Arc<str>> {
        self.tags.iter().map(|tag| Arc::from(tag.as_str())).collect()
    }
}
