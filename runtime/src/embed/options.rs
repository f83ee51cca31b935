//! What may be said about a model before it is used.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::Embed;
use super::model::{CachedModel, Core};
use super::name::{asked_for, namespace_of};
use super::precision::Precision;
use super::stats::Counts;
use super::together::Together;
use super::vector::{MOST_DIMENSIONS, Vector};
use crate::cache::Cache;
use crate::clock::{CENTURY, millis};
use crate::error::{Error, Result};
use crate::key::escape;
use crate::namespace::Namespace;
use crate::policy::Policy;

/// A text's vector does not change, so it may live long.
const TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const MAX_BATCH: usize = 64;
const AT_ONCE: usize = 4;
/// The most texts in a batch, and the most batches at a time.
const MOST: usize = 1_000;
/// The longest id, in bytes, and the most tags.
const LONGEST_ID: usize = 128;
const MOST_TAGS: usize = 16;

/// A model to be cached, made by [`CachedModel::wrap`].
#[must_use = "it does nothing until it is built"]
pub struct ModelOptions<M> {
    model: M,
    id: Option<String>,
    version: u32,
    precision: Precision,
    dimensions: Option<usize>,
    max_batch: usize,
    at_once: usize,
    ttl: Duration,
    tags: Vec<String>,
}

impl<M: Embed> ModelOptions<M> {
    pub(super) const fn new(model: M) -> Self {
        Self {
            model,
            id: None,
            version: 0,
            precision: Precision::F32,
            dimensions: None,
            max_batch: MAX_BATCH,
            at_once: AT_ONCE,
            ttl: TTL,
            tags: Vec::new(),
        }
    }

    /// What the model is called, in keys and statistics: its name with all that decides about its vectors, such as
    /// `all-MiniLM-L6-v2` or `nomic-embed-text:v1.5`. At most 128 bytes. It has to be said.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Which version of it; raise it when the same texts get other vectors: another training, other preparation of the
    /// text. What another version has stored is not found. Default: 0.
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// How exactly numbers are kept, and given. Default: [`Precision::F32`], exact.
    pub const fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// How many numbers each vector has, at most 65,536: all others are refused. It is part of the key, for models that
    /// make vectors of several lengths.
    ///
    /// Default: as many as most of the first vectors have. That is settled by a length that the model gave for two texts,
    /// and for more than any other; until then the one that leads is expected, and a tie in the first batch refuses all of
    /// it ([`Fault::Unsettled`](super::Fault::Unsettled)). A vector that is in the cache and has another length is asked
    /// for again, and replaced when the model has given a right one.
    pub const fn dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// How many texts the model is asked for at most at a time, from 1 to 1,000. Default: 64.
    pub const fn max_batch(mut self, texts: usize) -> Self {
        self.max_batch = texts;
        self
    }

    /// How many batches the model is asked for at a time, from 1 to 1,000: by all callers of all handles of this id in the
    /// cache together; others wait for their turn. Default: 4. For a model that has all processors at work by itself, say 1.
    ///
    /// A model may ask itself, or another that asks it, for the parts of a text, say: while it waits for their vectors its
    /// own batch does not count, and it goes on when it is its turn again. That holds for what it asks in its own future.
    /// What it asks in a task or thread that it has started, and waits for, can wait for ever for the turn that it holds.
    pub const fn at_once(mut self, batches: usize) -> Self {
        self.at_once = batches;
        self
    }

    /// How long a vector is kept, from a millisecond on; up to a tenth less by chance, so that not all end together.
    /// Default: 30 days. Near and tiers drop what is asked for least when their room is used up.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// One more tag, at most 16, by which all vectors can be invalidated together with other entries. Default: none. Tags
    /// are part of the key: with other tags each text is asked for anew.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The model, over this cache.
    ///
    /// # Errors
    /// A `Config` error if there is no id, a number is out of its bounds, or the cache has a model of this id with
    /// another `ttl` or `at_once` already.
    pub fn build(self, cache: &Cache) -> Result<CachedModel<M>> {
        let id = self.checked_id()?;
        self.check()?;
        let policy = Policy { ttl: Some(millis(self.ttl)), ..Policy::DEFAULT };
        let names = Namespace::weighed(cache, &namespace_of(&id), policy, Vector::weight)?;
        if names.policy().ttl != policy.ttl {
            let message = "the cache has a model of this id with another ttl: give it the same one";
            return Err(Error::config("ttl", message).with("model", escape(&id)));
        }
        let together = names.beside(|| Together::new(self.at_once));
        if together.at_once != self.at_once {
            let message = "the cache has a model of this id with another at_once: give it the same one";
            return Err(Error::config("at_once", message).with("model", escape(&id)));
        }
        let asked_for = asked_for(self.version, self.precision, self.dimensions, &self.tags);
        Ok(CachedModel(Arc::new(Core {
            dimensions: together.dimensions_of(&asked_for, self.dimensions),
            together,
            asked_for,
            model: self.model,
            id: id.into(),
            version: self.version,
            precision: self.precision,
            max_batch: self.max_batch,
            tags: self.tags.into_iter().map(Arc::from).collect(),
            secret: cache.0.settings.secret,
            counts: Counts::default(),
            names,
            told: AtomicBool::new(false),
        })))
    }

    fn checked_id(&self) -> Result<String> {
        match &self.id {
            Some(id) if !id.is_empty() && id.len() <= LONGEST_ID => Ok(id.clone()),
            Some(_) => Err(Error::config("id", "a model's id has 1 to 128 bytes")),
            None => Err(Error::config("id", "say what the model is called with `id(..)`: it is part of each key")),
        }
    }

    fn check(&self) -> Result<()> {
        let within = |setting, message, given: usize, most: usize| {
            if (1..=most).contains(&given) { Ok(()) } else { Err(Error::config(setting, message).with("given", given)) }
        };
        within("max_batch", "a batch has 1 to 1,000 texts", self.max_batch, MOST)?;
        within("at_once", "1 to 1,000 batches are asked for at a time", self.at_once, MOST)?;
        within("dimensions", "a vector has 1 to 65,536 numbers", self.dimensions.unwrap_or(1), MOST_DIMENSIONS)?;
        if millis(self.ttl) == 0 {
            return Err(Error::config("ttl", "a vector is kept for a millisecond at least"));
        }
        if self.ttl > CENTURY {
            return Err(Error::config("ttl", "a vector is kept for a century at most"));
        }
        if self.tags.len() > MOST_TAGS {
            return Err(Error::config("tag", "a model has at most 16 tags").with("given", self.tags.len()));
        }
        Ok(())
    }
}

impl<M> fmt::Debug for ModelOptions<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model: _, id, version, precision, dimensions, max_batch, at_once, ttl, tags } = self;
        f.debug_struct("ModelOptions")
            .field("id", id)
            .field("version", version)
            .field("precision", precision)
            .field("dimensions", dimensions)
            .field("max_batch", max_batch)
            .field("at_once", at_once)
            .field("ttl", ttl)
            .field("tags", tags)
            .finish()
    }
}
