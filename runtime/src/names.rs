//! The text of one call: its key and its tags.

use std::sync::Arc;

use crate::key::{Key, KeyWriter, Secret};
use crate::site::Site;

/// Collects the key and the tags of one call. Generated code fills it on a miss, and when the log has moved.
#[derive(Debug)]
pub struct Names {
    secret: Secret,
    key: KeyWriter,
    tags: Vec<KeyWriter>,
}

/// The text of one call, finished.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) key: Key,
    pub(crate) tags: Arc<[Arc<str>]>,
}

impl Names {
    pub(crate) fn new(secret: Secret) -> Self {
        Self { secret, key: KeyWriter::new(secret), tags: Vec::new() }
    }

    /// The key, to be written to.
    pub fn key(&mut self) -> &mut KeyWriter {
        &mut self.key
    }

    /// One more tag, to be written to.
    pub fn tag(&mut self) -> &mut KeyWriter {
        self.tags.push(KeyWriter::new(self.secret));
        let last = self.tags.len() - 1;
        &mut self.tags[last]
    }

    pub(crate) fn finish(self) -> Named {
        let tags = self.tags.into_iter().map(|tag| Arc::from(tag.finish_text())).collect();
        Named { key: self.key.finish(), tags }
    }
}

impl Named {
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> + Clone {
        self.tags.iter().map(|t| &**t)
    }
}

impl KeyWriter {
    /// The beginning of a site's default key: `namespace:crate.module.function`.
    pub fn site(&mut self, site: &Site) -> &mut Self {
        self.literal(site.prefix())
    }
}
