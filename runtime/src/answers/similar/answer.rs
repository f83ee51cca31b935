//! One question: is there an answer to a similar one? And now and then: would the model have said so, too?

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::Instrument as _;

use super::super::Answers;
use super::super::canonical::{Kind, name_of};
use super::super::failure::Failure;
use super::super::generate::{Asked, Generated, Source};
use super::super::kept::Content;
use super::super::request::Request;
use super::judge::{Look, are_alike, look};
use super::scopes::Scope;
use super::vector::direction;
use super::{Similarity, wilson};
use crate::clock::{Millis, millis};
use crate::error::Result;
use crate::flight::CatchUnwind;
use crate::join::unless;
use crate::stats::count;

/// What is compared of a request, and what has to be equal.
#[derive(Debug)]
pub(in super::super) struct Question {
    text: String,
    scope: String,
}

impl Question {
    /// The question of a request, if it can be compared with others.
    pub(in super::super) fn of<T: Content>(answers: &Answers<T>, request: &Request) -> Option<Self> {
        let (_, model, hash) = name_of(request, Kind::Scope, answers.secret());
        Some(Self { text: request.user_text()?.to_owned(), scope: format!("{model}:{hash}") })
    }
}

/// A similar answer that is to be checked.
struct Check<T> {
    given: T,
    /// The hash that names it.
    answer: Box<str>,
    asked: Asked,
    vector: Vec<f32>,
    name: String,
    scope: Arc<Scope>,
}

impl<T> Similarity<T> {
    /// The vector of a text. An embedder that panics is one that fails.
    async fn vector_of(&self, text: String) -> Option<Vec<f32>> {
        let mut made = catch_unwind(AssertUnwindSafe(|| (self.embed)(text))).ok()?;
        CatchUnwind(made.as_mut()).await.ok().flatten()
    }

    /// Said once for each time that it fails, and without its error, which may quote what was asked.
    fn tell_mute(&self, name: &str) {
        if !self.mute.swap(true, Ordering::Relaxed) {
            tracing::warn!(name, "a question has no vector: the embedder failed, or gave numbers without a direction");
        }
    }

    /// All answers are gone, and with them what was known of their questions.
    pub(in super::super) fn forget_all(&self) {
        self.scopes.clear();
    }
}

impl<T: Content> Answers<T> {
    pub(in super::super) async fn generate_similar<E, F>(
        &self,
        similar: &Arc<Similarity<T>>,
        question: Question,
        asked: &Asked,
        ask: impl FnOnce() -> F,
    ) -> Result<Generated<T>, Arc<E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        if let Some(kept) = self.kept.get(&asked.name).await {
            return Ok(Generated { value: kept.value, source: Source::Cache });
        }
        if !similar.trust.lock().is_on(self.cache.clock().now()) {
            return self.generate_exact(asked, ask).await;
        }
        let Some(vector) = similar.vector_of(question.text).await.and_then(direction) else {
            count(&self.counters.embedding_failed);
            similar.tell_mute(self.name());
            return self.generate_exact(asked, ask).await;
        };
        similar.mute.store(false, Ordering::Relaxed);
        let name = format!("{}:{}", similar.embedding, question.scope);
        let scope = similar.scopes.of(&name).await;
        for near in scope.nearest(&vector, similar.limits.threshold) {
            // Its own entry decides, under its own key and tags: what was invalidated or is too old is not there.
            let Some(kept) = self.kept.get((asked.name.0, &asked.name.1, &near.answer)).await else {
                scope.forget(&near.answer);
                continue;
            };
            count(&self.counters.similar_hits);
            if self.cache.0.chance.happens(similar.limits.shadow) {
                let (given, answer, asked) = (kept.value.clone(), near.answer, asked.clone());
                self.check_behind(similar, Check { given, answer, asked, vector, name, scope }, ask);
            }
            return Ok(Generated { value: kept.value, source: Source::Similar { similarity: near.similarity } });
        }
        let generated = self.generate_exact(asked, ask).await?;
        if generated.source == Source::Model {
            similar.scopes.add(&name, &scope, &vector, &asked.name.2);
        }
        Ok(generated)
    }

    /// Asks the model all the same, in a task of its own, if not too many are under way.
    fn check_behind<E, F>(&self, similar: &Arc<Similarity<T>>, check: Check<T>, ask: impl FnOnce() -> F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let room = Arc::clone(&similar.shadows).try_acquire_owned();
        let (Ok(room), Ok(runtime)) = (room, tokio::runtime::Handle::try_current()) else {
            count(&self.counters.shadow_skipped);
            return;
        };
        // The caller has his answer: what goes wrong from here on is not his.
        let Ok(answer) = catch_unwind(AssertUnwindSafe(ask)) else {
            count(&self.counters.shadow_undecided);
            return;
        };
        let (this, similar) = (self.clone(), Arc::clone(similar));
        let task = async move {
            let clock = this.cache.clock();
            let end = clock.now_assured().saturating_add(millis(similar.limits.check_within));
            let mut checked = pin!(unless(this.check(&similar, check, answer, end), clock.until(end)));
            match CatchUnwind(checked.as_mut()).await {
                Ok(Some(Some(right))) => this.learn(&similar, !right),
                _ => count(&this.counters.shadow_undecided),
            }
            drop(room);
        };
        drop(runtime.spawn(task.in_current_span()));
    }

    /// Was a similar answer right? Nothing, if that cannot be said. The model is given up at the end of the time.
    async fn check<E, F>(&self, similar: &Similarity<T>, check: Check<T>, answer: F, end: Millis) -> Option<bool>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let Check { given, answer: name_given, asked, vector, name, scope } = check;
        // Made from documents that have changed it says nothing of what was given.
        if self.is_overtaken(&asked) {
            return None;
        }
        let (clock, call) = (self.cache.clock().clone(), self.call(asked.clone(), Some(answer), Arc::default()));
        // Who joins and is told nothing asks for himself, together with the others.
        let in_time = async move { unless(call, clock.until(end)).await.unwrap_or(Err(Failure::Unkept)) };
        let fresh = match self.kept.get_or_load_with(&asked.name, asked.tags.clone(), || in_time).await {
            Ok(fresh) => fresh.value,
            Err(failure) => match &*failure {
                Failure::Overtaken(value) => value.clone(),
                Failure::Source(_) | Failure::Unkept => return None,
            },
        };
        // It is the answer to its own question, and kept as that.
        similar.scopes.add(&name, &scope, &vector, &asked.name.2);
        // What was invalidated meanwhile may well differ.
        self.kept.get((asked.name.0, &asked.name.1, &name_given)).await?;
        if let Some(judge) = &similar.judge {
            return Some(judge(given, fresh).await);
        }
        match look(&given, &fresh) {
            Look::Same => Some(true),
            Look::Different => Some(false),
            Look::Unsure(one, other) => are_alike(similar.vector_of(one).await?, similar.vector_of(other).await?),
        }
    }

    fn learn(&self, similar: &Similarity<T>, wrong: bool) {
        count(&self.counters.shadow_checks);
        if wrong {
            count(&self.counters.false_hits);
        }
        let mut trust = similar.trust.lock();
        if !trust.learn(wrong, self.cache.clock().now()) {
            return;
        }
        let (checks, wrong) = trust.seen();
        drop(trust);
        count(&self.counters.switched_off);
        let at_least = wilson(wrong, checks).0;
        tracing::warn!(
            answers = self.name(),
            checks,
            wrong,
            at_least,
            budget = similar.limits.budget,
            "similar answers are wrong too often and were switched off: raise `threshold`, or see how the judge decides"
        );
    }
}
