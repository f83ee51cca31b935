//! The door: texts in, vectors out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Embed;
use super::ask::Question;
use super::dimensions::Dimensions;
use super::failure::{EmbedError, Fault, Refused};
use super::name::{Digest, TextName};
use super::options::ModelOptions;
use super::precision::Precision;
use super::stats::{Counts, EmbedStats, add};
use super::together::Together;
use super::vector::Vector;
use crate::applied::Applied;
use crate::error::Result as CacheResult;
use crate::key::{Key, Secret};
use crate::namespace::{Namespace, Tags};

/// A model whose vectors are kept: what [`Embed`] answers, asked for once per text.
///
/// A handle, cheap to clone. All methods ask memory first, then the cache's tiers, and the model only for what is in
/// none, in batches, several at a time. A text that another call is just asking for is waited for; one that stands in a
/// call twice is asked for once.
///
/// Cost of a hit in memory: a SHA-256 of the text and a look-up of its key, which is about 120 bytes long. Memory: four
/// bytes a number whatever the precision, which is that of tiers; near's budget counts them.
pub struct CachedModel<M>(pub(super) Arc<Core<M>>);

pub(super) struct Core<M> {
    pub(super) model: M,
    pub(super) id: Arc<str>,
    pub(super) version: u32,
    pub(super) precision: Precision,
    pub(super) dimensions: Arc<Dimensions>,
    pub(super) max_batch: usize,
    pub(super) together: Arc<Together>,
    pub(super) tags: Tags,
    pub(super) asked_for: Arc<str>,
    pub(super) secret: Secret,
    pub(super) counts: Counts,
    pub(super) names: Namespace<Vector>,
    /// Was it said that what is kept is of another length than what the model gives?
    pub(super) told: AtomicBool,
}

impl<M> Core<M> {
    /// What is kept and does not fit is replaced, again and again where two models have one name: said once.
    pub(super) fn tell_of(&self, misfits: &[usize]) {
        if !misfits.is_empty() && !self.told.swap(true, Ordering::Relaxed) {
            let (model, version) = (&self.id, self.version);
            tracing::warn!(%model, version, "kept vectors are of another length than the model's: raise `version`");
        }
    }
}

impl<M: Embed> CachedModel<M> {
    /// A model to be cached; its `id` has to be said.
    pub const fn wrap(model: M) -> ModelOptions<M> {
        ModelOptions::new(model)
    }

    /// The vectors of these texts, in order.
    ///
    /// # Errors
    /// That of the first text that has no vector: the model's own, or why its answer was refused. What the others came
    /// to is kept, so that a second call asks only for what failed; [`embed_each`](Self::embed_each) tells of each
    /// text. No texts are refused, too: [`Fault::NoTexts`].
    ///
    /// # Panics
    /// If the model does.
    pub async fn embed<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Arc<[f32]>>, EmbedError<M::Error>> {
        self.embed_each(texts).await.map_err(EmbedError::Refused)?.into_iter().collect()
    }

    /// The vector of one text.
    ///
    /// # Errors
    /// The model's own, or why its answer was refused.
    ///
    /// # Panics
    /// If the model does.
    pub async fn embed_one(&self, text: impl AsRef<str>) -> Result<Arc<[f32]>, EmbedError<M::Error>> {
        let mut vectors = self.embed(&[text]).await?;
        // One for one text.
        vectors.pop().ok_or_else(|| EmbedError::Refused(self.0.refuse(Some(0), Fault::Empty)))
    }

    /// What became of each of these texts, in order: a batch that fails fails for its own texts.
    ///
    /// # Errors
    /// No texts are refused: [`Fault::NoTexts`].
    ///
    /// # Panics
    /// If the model does.
    pub async fn embed_each<T: AsRef<str>>(
        &self,
        texts: &[T],
    ) -> Result<Vec<Result<Arc<[f32]>, EmbedError<M::Error>>>, Refused> {
        let counts = &self.0.counts;
        add(&counts.calls, 1);
        add(&counts.texts, texts.len());
        if texts.is_empty() {
            return Err(self.0.refuse(None, Fault::NoTexts));
        }
        let question = Question::of(&self.0, texts);
        add(&counts.repeated, texts.len() - question.distinct());
        Ok(question.answer(&self.0).await)
    }

    /// Forgets the vector of a text, in memory and in every tier: of this version and precision, and of what else stands in
    /// the key, dimensions and tags that were said.
    pub async fn forget(&self, text: impl AsRef<str>) -> Applied {
        self.0.names.remove(self.0.name(text.as_ref())).await
    }

    /// Forgets all vectors of this version, of every precision, and how long they were.
    ///
    /// # Errors
    /// `Denied` if the cache's handle may not.
    pub async fn forget_version(&self) -> CacheResult<Applied> {
        let applied = self.0.names.invalidate_pattern(&format!("{}:*", self.0.version)).await?;
        self.0.together.forget(Some(self.0.version));
        Ok(applied)
    }

    /// Forgets all vectors of this id, of every version and precision, and how long they were. Costs the same for any
    /// number of them.
    pub async fn forget_all(&self) -> Applied {
        let applied = self.0.names.clear().await;
        if applied != Applied::Denied {
            self.0.together.forget(None);
        }
        applied
    }

    /// The key of a text's vector, as tiers and the log know it.
    #[must_use]
    pub fn key(&self, text: impl AsRef<str>) -> Key {
        self.0.names.key(self.0.name(text.as_ref()))
    }

    /// What was done since it was built. The cache's own statistics have it, too, under `embed.` and the id.
    #[must_use]
    pub fn stats(&self) -> EmbedStats {
        self.0.counts.snapshot(self.0.names.counters())
    }

    /// How many numbers a vector has: as said, or as those have that were seen
    /// ([`dimensions`](ModelOptions::dimensions)); `None` before that.
    #[must_use]
    pub fn dimensions(&self) -> Option<usize> {
        self.0.dimensions.known()
    }

    /// The model itself.
    #[must_use]
    pub fn model(&self) -> &M {
        &self.0.model
    }
}

#[cfg(feature = "semantic")]
impl<M> CachedModel<M> {
    /// What tells its vectors from those of others.
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.0.id, self.0.asked_for)
    }
}

impl<M> Core<M> {
    pub(super) fn name(&self, text: &str) -> TextName {
        TextName { asked_for: Arc::clone(&self.asked_for), digest: Digest::of(self.secret, text) }
    }

    pub(super) fn refuse(&self, text: Option<usize>, fault: Fault) -> Refused {
        Refused::new(Arc::clone(&self.id), self.version, text, fault)
    }
}

impl<M> Clone for CachedModel<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for CachedModel<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Core { id, version, precision, dimensions, max_batch, together, .. } = &*self.0;
        f.debug_struct("CachedModel")
            .field("id", id)
            .field("version", version)
            .field("precision", precision)
            .field("dimensions", &dimensions.known())
            .field("max_batch", max_batch)
            .field("at_once", &together.at_once)
            .finish_non_exhaustive()
    }
}
