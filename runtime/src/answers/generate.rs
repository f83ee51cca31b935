//! One answer: from the cache, or from the model, which is asked once.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::canonical::{Kind, Named, name_of};
use super::failure::Failure;
use super::kept::{Content, Kept};
use super::request::Request;
use super::stats::Call;
use super::{Answers, MOST_TAGS};
use crate::error::Result;
use crate::log::Birth;
use crate::stats::count;

/// An answer, and where it is from.
#[derive(Clone, PartialEq)]
pub struct Generated<T> {
    /// The answer.
    pub value: T,
    /// Where it is from.
    pub source: Source,
}

/// Where an answer is from.
///
/// ```
/// use cached_runtime::answers::{Generated, Source};
///
/// fn note(answer: &Generated<String>) -> &'static str {
///     match answer.source {
///         Source::Model => "just asked",
///         Source::Similar { .. } => "the answer to a similar question",
///         _ => "from the cache",
///     }
/// }
/// # let _ = note;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// The model, asked by this caller.
    Model,
    /// The cache, or a call of the model by another caller that was under way.
    Cache,
    /// The cache: it is the answer to another question, which is similar.
    Similar {
        /// The cosine of the two questions' vectors.
        similarity: f32,
    },
}

/// A request as the cache knows it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) name: Named,
    pub(super) tags: Vec<String>,
    pub(super) ttl: Duration,
    /// What was known of the log before its documents were read.
    pub(super) born: Option<Birth>,
}

impl Asked {
    /// The name under which it is loaded.
    ///
    /// What is made from documents that are out of date already is kept for nobody. It has a name of its own, by which
    /// those find each other who have documents of the same time; and nobody waits for it whose documents are newer.
    pub(super) fn loaded_as(&self, is_late: bool) -> Cow<'_, Named> {
        match self.born {
            Some(born) if is_late => {
                let (kind, model, hash) = &self.name;
                Cow::Owned((*kind, model.clone(), format!("{hash}@{}", born.seq)))
            }
            _ => Cow::Borrowed(&self.name),
        }
    }
}

impl<T: Content> Answers<T> {
    /// The answer to a request: kept, of a call that is under way, or else of the model, which this then asks.
    ///
    /// The call of the model outlives a caller who goes away, so its future borrows nothing: move clones into it. A request
    /// that is [sampled](Request::is_sampled) goes by the cache, and nobody joins it, unless told otherwise; so does one with
    /// more than 1,000 tags and documents.
    ///
    /// ```
    /// # use cached_runtime::answers::{Answers, Request, Source};
    /// # async fn ask(_: Request) -> Result<String, std::io::Error> { Ok("A shelf.".to_owned()) }
    /// # async fn example(answers: &Answers<String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request::new("gpt-4o-mini").user("What is a cache?").parameter("temperature", 0);
    /// let first = answers.generate(&request, || ask(request.clone())).await?;
    /// let second = answers.generate(&request, || ask(request.clone())).await?;
    /// assert_eq!((first.source, second.source), (Source::Model, Source::Cache));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The model's own, shared by all who waited for it. It is not kept. Of `anyhow`, whose errors are none by themselves:
    /// `.map_err(|error| anyhow!("{error:#}"))?`.
    pub async fn generate<E, F>(&self, request: &Request, ask: impl FnOnce() -> F) -> Result<Generated<T>, Arc<E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        count(&self.counters.asked);
        if self.passes_by(request) {
            count(&self.counters.bypassed);
            let call = Call::begun(&self.counters);
            let value = ask().await.map_err(Arc::new)?;
            call.answered();
            return Ok(Generated { value, source: Source::Model });
        }
        let asked = self.asked(request, Kind::Answer);
        let generated = self.find_or_generate(request, &asked, ask).await?;
        if generated.source == Source::Cache {
            count(&self.counters.hits);
        }
        Ok(generated)
    }

    #[allow(unused_variables, reason = "only what is similar is found by the request itself")]
    async fn find_or_generate<E, F>(
        &self,
        request: &Request,
        asked: &Asked,
        ask: impl FnOnce() -> F,
    ) -> Result<Generated<T>, Arc<E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        #[cfg(feature = "semantic")]
        if let Some(similar) = &self.similar
            && let Some(question) = super::similar::Question::of(self, request)
        {
            return self.generate_similar(similar, question, asked, ask).await;
        }
        self.generate_exact(asked, ask).await
    }

    /// The answer to exactly this request.
    pub(super) async fn generate_exact<E, F>(
        &self,
        asked: &Asked,
        ask: impl FnOnce() -> F,
    ) -> Result<Generated<T>, Arc<E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let (mut ask, called) = (Some(ask), Arc::new(AtomicBool::new(false)));
        loop {
            let is_late = self.is_overtaken(asked);
            if is_late && let Some(kept) = self.kept.get(&asked.name).await {
                return Ok(Generated { value: kept.value, source: Source::Cache });
            }
            let load = || {
                // Overtaken since it was looked at: who has joined by now may have newer documents.
                let answer = ask.take_if(|_| is_late || !self.is_overtaken(asked)).map(|ask| ask());
                self.call(asked.clone(), answer, Arc::clone(&called))
            };
            let kept = self.kept.get_or_load_with(&*asked.loaded_as(is_late), asked.tags.clone(), load).await;
            let source = if called.load(Ordering::Relaxed) { Source::Model } else { Source::Cache };
            let failure = match kept {
                Ok(kept) => return Ok(Generated { value: kept.value, source }),
                Err(failure) => failure,
            };
            match &*failure {
                Failure::Source(error) => return Err(Arc::clone(error)),
                // Whoever joined did so before it was overtaken, or has documents of the same time: his own call would
                // have made nothing newer.
                Failure::Overtaken(value) => return Ok(Generated { value: value.clone(), source }),
                // Nobody was asked.
                Failure::Unkept => {}
            }
        }
    }

    /// The call of the model, as the load of an entry.
    pub(super) fn call<E, F>(
        &self,
        asked: Asked,
        answer: Option<F>,
        called: Arc<AtomicBool>,
    ) -> impl Future<Output = Result<Kept<T>, Failure<T, E>>> + Send + 'static
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let this = self.clone();
        async move {
            let Some(answer) = answer else { return Err(Failure::Unkept) };
            called.store(true, Ordering::Relaxed);
            let call = Call::begun(&this.counters);
            let value = answer.await.map_err(|error| Failure::Source(Arc::new(error)))?;
            call.answered();
            if this.is_overtaken(&asked) {
                count(&this.counters.overtaken);
                return Err(Failure::Overtaken(value));
            }
            Ok(Kept::new(value, asked.ttl))
        }
    }

    /// Was anything invalidated that this is made from, since that was read? What comes later the log tells by the birth
    /// of the load.
    pub(super) fn is_overtaken(&self, asked: &Asked) -> bool {
        asked.born.is_some_and(|born| !self.kept.is_current(&asked.name, &asked.tags, &born))
    }

    /// Does this request go by the cache?
    pub(super) fn passes_by(&self, request: &Request) -> bool {
        let sampled = request.is_sampled() && !request.sampled.unwrap_or(self.settings.cache_sampled);
        sampled || request.tags.len() + request.documents.len() > MOST_TAGS
    }

    pub(super) fn asked(&self, request: &Request, kind: Kind) -> Asked {
        let mut tags = request.tags.clone();
        tags.extend(self.document_tags(&request.documents));
        Asked {
            name: name_of(request, kind, self.secret()),
            tags,
            ttl: request.ttl.unwrap_or(self.settings.ttl),
            born: request.born,
        }
    }
}

impl<T> std::fmt::Debug for Generated<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generated").field("source", &self.source).finish_non_exhaustive()
    }
}
