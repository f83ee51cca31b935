//! The answer to one question for another that is similar; off unless asked for, and watched.

mod answer;
mod index;
mod judge;
mod scopes;
mod trust;
mod vector;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use self::scopes::Scopes;
use self::trust::{Trust, wilson};
use super::Answers;
use super::kept::Content;
use crate::error::{Error, Result};
use crate::plain::plain;

pub(super) use self::answer::Question;

type Pending<R> = Pin<Box<dyn Future<Output = R> + Send>>;
type Embed = dyn Fn(String) -> Pending<Option<Vec<f32>>> + Send + Sync;
type Judge<T> = dyn Fn(T, T) -> Pending<bool> + Send + Sync;

/// How the answer to one question is given for another.
///
/// Two questions are compared by the cosine of their vectors, which your embedder makes, if all else in their requests is
/// the same: model, parameters, tags, documents and all messages before the last. The last has to be the user's, and
/// text. What is nearest, and near enough, answers, as long as its own entry is there: an answer that was invalidated or
/// is too old is not given, whatever it is similar to.
///
/// **Similar is not the same.** "Is it open on Sunday?" and "Is it open on Monday?" are very similar. So a part of these
/// answers is checked: the model is asked all the same, behind the caller's back, and a judge compares what it says. When
/// it is beyond chance that more than the budget are wrong, similar answers are switched off, which is logged and
/// counted. Do not use this where a wrong answer harms.
///
/// For [`Answers::generate`] only; streams are kept for their own question. Each question without an answer of its own
/// costs a call of the embedder, also where many ask it at once: give it one that is cached ([`Similar::by`]). The vectors are kept in the
/// tiers, in pages of 16 questions; nodes that share a tier write over each other's pages, which costs them similar
/// answers, and never a wrong one.
///
/// ```
/// # use std::time::Duration;
/// # use cached_runtime::answers::{Answers, similar::Similar};
/// # async fn embed(_: String) -> Result<Vec<f32>, std::io::Error> { Ok(vec![1.0]) }
/// # fn example(answers: Answers<String>) -> cached_runtime::Result<Answers<String>> {
/// answers.similar(
///     Similar::new(embed).embedding("text-embedding-3-small").threshold(0.97).cool_down(Duration::from_secs(24 * 3_600)),
/// )
/// # }
/// ```
pub struct Similar<T> {
    embed: Arc<Embed>,
    judge: Option<Arc<Judge<T>>>,
    limits: Limits,
    embedding: String,
}

/// The numbers that were said.
#[derive(Debug, Clone, Copy)]
struct Limits {
    threshold: f32,
    questions: usize,
    max_bytes: usize,
    shadow: f64,
    budget: f64,
    at_once: usize,
    check_within: Duration,
    cool_down: Option<Duration>,
}

/// What gives similar answers.
pub(super) struct Similarity<T> {
    embed: Arc<Embed>,
    judge: Option<Arc<Judge<T>>>,
    limits: Limits,
    embedding: String,
    scopes: Scopes,
    trust: Mutex<Trust>,
    shadows: Arc<Semaphore>,
    /// Was it said that questions have no vectors?
    mute: AtomicBool,
}

plain! {
    /// What is known of similar answers. Numbers only.
    ///
    /// ```
    /// # fn example(answers: &cached_runtime::answers::Answers<String>) {
    /// if let Some(seen) = answers.similar_stats()
    ///     && !seen.on
    /// {
    ///     eprintln!("{} of {} similar answers were wrong", seen.wrong, seen.checks);
    /// }
    /// # }
    /// ```
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SimilarStats {
        /// Are they given?
        pub on: bool,
        /// Questions in memory.
        pub questions: usize,
        /// What they take, in bytes.
        pub bytes: usize,
        /// Checks in the window of the last 2,000 at most, since they were switched on.
        pub checks: u64,
        /// How many of these were wrong.
        pub wrong: u64,
        /// The part of similar answers that are wrong is, with 95 % certainty (Wilson's bounds), at least this,
        pub wrong_least: f64,
        /// and at most this.
        pub wrong_most: f64,
    }
}

impl<T: Content> Similar<T> {
    /// Questions compared by these vectors. All must have the same length; their size does not matter, only where they
    /// point. Where the embedder fails or panics, the model is asked.
    pub fn new<F, Made, E>(embed: F) -> Self
    where
        F: Fn(String) -> Made + Send + Sync + 'static,
        Made: Future<Output = Result<Vec<f32>, E>> + Send + 'static,
    {
        let embed = move |text| -> Pending<Option<Vec<f32>>> {
            let made = embed(text);
            Box::pin(async move { made.await.ok() })
        };
        let limits = Limits {
            threshold: 0.95,
            questions: 10_000,
            max_bytes: 64 << 20,
            shadow: 0.05,
            budget: 0.01,
            at_once: 2,
            check_within: Duration::from_secs(60),
            cool_down: None,
        };
        Self { embed: Arc::new(embed), judge: None, limits, embedding: String::new() }
    }

    /// Questions compared by the vectors of a model that is cached: each question is asked of it once. Its id, version and
    /// what else names its vectors are the name of the [`embedding`](Self::embedding).
    ///
    /// ```
    /// # use cached_runtime::answers::{Answers, similar::Similar};
    /// # use cached_runtime::embed::{CachedModel, Embed};
    /// # fn example<M: Embed>(answers: Answers<String>, model: &CachedModel<M>) -> cached_runtime::Result<Answers<String>> {
    /// answers.similar(Similar::by(model).threshold(0.97))
    /// # }
    /// ```
    #[cfg(feature = "embed")]
    #[must_use]
    pub fn by<M: crate::embed::Embed>(model: &crate::embed::CachedModel<M>) -> Self {
        let (name, model) = (model.name(), model.clone());
        let embed = move |text: String| {
            let model = model.clone();
            async move { model.embed_one(text).await.map(|vector| vector.to_vec()) }
        };
        Self::new(embed).embedding(name)
    }

    /// The name of the embedder: vectors of another name are not compared. Default: none. Change it when you change the
    /// embedder, for questions are kept in the tiers.
    #[must_use]
    pub fn embedding(mut self, name: impl Into<String>) -> Self {
        self.embedding = name.into();
        self
    }

    /// How similar a question has to be: the cosine of the angle, above 0 and at most 1. Default: 0.95. What is right
    /// depends on the embedder.
    #[must_use]
    pub fn threshold(mut self, cosine: f32) -> Self {
        self.limits.threshold = cosine;
        self
    }

    /// How many questions are known of one scope at most; beyond that the oldest goes. Default: 10,000. All are looked at
    /// for each question that has no answer of its own: some 10 ms for so many vectors of 1,536 numbers.
    #[must_use]
    pub fn questions(mut self, most: usize) -> Self {
        self.limits.questions = most;
        self
    }

    /// How many bytes the questions of all scopes take at most in memory; beyond that the scope goes that was asked
    /// longest ago. Default: 64 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_bytes = bytes;
        self
    }

    /// Which part of similar answers is checked, from 0 to 1. Default: 0.05. Each check costs a call of the model, whose
    /// answer is kept for its own question. Zero checks nothing, and never switches off.
    #[must_use]
    pub fn shadow(mut self, part: f64) -> Self {
        self.limits.shadow = part;
        self
    }

    /// Which part of similar answers may be wrong, above 0 and below 1. Default: 0.01.
    ///
    /// They are switched off when the checks show that it is more. That this is a mistake has a probability of 1 % at
    /// most in each 2,000 checks. By the default budget, answers of which half are wrong are found out after 4 checks, a
    /// tenth after 35, a twentieth after 130, in the median. The test is a mixture of likelihood ratios, at which one may
    /// look after every check (J. Ville 1939; H. Robbins 1970).
    #[must_use]
    pub fn budget(mut self, part: f64) -> Self {
        self.limits.budget = part;
        self
    }

    /// How many checks are under way at most; others are left out. Default: 2.
    #[must_use]
    pub fn at_once(mut self, checks: usize) -> Self {
        self.limits.at_once = checks;
        self
    }

    /// How long one check may take, the model and the judge together. Default: 60 seconds. Then the call of the model is
    /// given up, and the check says nothing.
    #[must_use]
    pub fn check_within(mut self, limit: Duration) -> Self {
        self.limits.check_within = limit;
        self
    }

    /// How long after they switched themselves off similar answers are tried again. Default: never, until
    /// [`Answers::switch_similar`] or the next process does.
    #[must_use]
    pub fn cool_down(mut self, after: Duration) -> Self {
        self.limits.cool_down = Some(after);
        self
    }

    /// Do these two answers, the one that was given and what the model says, say the same?
    ///
    /// Default: if their words are equal, without case and punctuation; else if the same words with digits are in both,
    /// and the vectors of their texts, by the same embedder, have a cosine of 0.9 at least. That misses a "not". Ask a
    /// model, or compare what matters in your answers, where you can.
    #[must_use]
    pub fn judge<F, Told>(mut self, judge: F) -> Self
    where
        F: Fn(T, T) -> Told + Send + Sync + 'static,
        Told: Future<Output = bool> + Send + 'static,
    {
        self.judge = Some(Arc::new(move |given, fresh| -> Pending<bool> { Box::pin(judge(given, fresh)) }));
        self
    }

    fn check(&self) -> Result<()> {
        let Limits { threshold, questions, shadow, budget, .. } = self.limits;
        let refuse = |setting, message| Err(Error::config(setting, message));
        if !(threshold > 0.0 && threshold <= 1.0) {
            return refuse("threshold", "the cosine of similar questions is above 0 and at most 1");
        }
        if questions == 0 {
            return refuse("questions", "at least one question has to be known");
        }
        if !(0.0..=1.0).contains(&shadow) {
            return refuse("shadow", "the part of answers that is checked is from 0 to 1");
        }
        if !(budget > 0.0 && budget < 1.0) {
            return refuse("budget", "the part of answers that may be wrong is above 0 and below 1");
        }
        Ok(())
    }
}

impl<T: Content> Answers<T> {
    /// Gives the answer to one question for another that is similar, also; see [`Similar`].
    ///
    /// # Errors
    /// A `Config` error if a number is out of its range.
    pub fn similar(mut self, similar: Similar<T>) -> Result<Self> {
        similar.check()?;
        let Similar { embed, judge, limits, embedding } = similar;
        let Limits { questions, max_bytes, budget, at_once, cool_down, .. } = limits;
        self.similar = Some(Arc::new(Similarity {
            scopes: Scopes::new(&self.cache, self.name(), questions, max_bytes)?,
            trust: Mutex::new(Trust::new(budget, cool_down)),
            shadows: Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS))),
            mute: AtomicBool::new(false),
            embed,
            judge,
            limits,
            embedding,
        }));
        Ok(self)
    }

    /// Switches similar answers on or off. When they are switched on, what checks have shown before is forgotten.
    /// Switched off by hand they stay off, whatever [`cool_down`](Similar::cool_down) says, until they are switched on by
    /// hand.
    pub fn switch_similar(&self, on: bool) {
        if let Some(similar) = &self.similar {
            similar.trust.lock().switch(on, self.cache.clock().now());
        }
    }

    /// What is known of similar answers; nothing, if they were not asked for.
    #[must_use]
    pub fn similar_stats(&self) -> Option<SimilarStats> {
        let similar = self.similar.as_ref()?;
        let (on, (checks, wrong)) = {
            let mut trust = similar.trust.lock();
            (trust.is_on(self.cache.clock().now()), trust.seen())
        };
        let (questions, bytes) = similar.scopes.size();
        let (wrong_least, wrong_most) = wilson(wrong, checks);
        Some(SimilarStats { on, questions, bytes, checks, wrong, wrong_least, wrong_most })
    }
}

impl<T> fmt::Debug for Similar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { embed: _, judge: _, limits, embedding } = self;
        f.debug_struct("Similar").field("limits", limits).field("embedding", embedding).finish_non_exhaustive()
    }
}
