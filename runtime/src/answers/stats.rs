//! What became of requests, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::plain::plain;
use crate::stats::count;

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// The counters of one [`Answers`](super::Answers) and its clones.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $field: AtomicU64,)*
        }

        plain! {
            /// What one [`Answers`](super::Answers) and its clones did so far. Numbers only: no prompt, no answer.
            ///
            /// ```
            /// # fn example(answers: &cached_runtime::answers::Answers<String>) -> String {
            /// let stats = answers.stats();
            /// let spared = stats.hits + stats.similar_hits;
            /// format!("{spared} of {} requests did not need the model", stats.asked)
            /// # }
            /// ```
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
            #[non_exhaustive]
            pub struct AnswersStats {
                $($(#[$doc])* pub $field: u64,)*
            }
        }

        impl Counters {
            pub(super) fn snapshot(&self) -> AnswersStats {
                AnswersStats { $($field: self.$field.load(Relaxed),)* }
            }
        }
    };
}

/// A call of the model for an answer.
#[derive(Debug)]
pub(super) struct Call<'c>(Option<&'c Counters>);

impl<'c> Call<'c> {
    pub(super) fn begun(counters: &'c Counters) -> Self {
        count(&counters.model_calls);
        Self(Some(counters))
    }

    pub(super) fn answered(mut self) {
        self.0 = None;
    }
}

/// It has failed, or panicked, or its caller has left.
impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(counters) = self.0 {
            count(&counters.failed);
        }
    }
}

/// A part of all; nothing, if there are none.
fn part(some: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| some as f64 / all as f64)
}

impl AnswersStats {
    /// Which part of the requests for an answer did not need the model, as their own answer or a similar one was there;
    /// `None` before the first.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        part(self.hits + self.similar_hits, self.asked)
    }

    /// Which part of the similar answers that were checked was wrong; `None` before the first.
    /// [`SimilarStats`](super::similar::SimilarStats) has the bounds of what that says.
    #[cfg(feature = "semantic")]
    #[must_use]
    pub fn false_hit_rate(&self) -> Option<f64> {
        part(self.false_hits, self.shadow_checks)
    }
}

counters! {
    /// Requests for an answer.
    asked,
    /// Of these: answered from the cache, or by a call of the model that was under way.
    hits,
    /// Calls of the model for answers, those of shadow checks among them.
    model_calls,
    /// Calls of the model, for answers and for streams, that failed; of those for answers, also who panicked or was given
    /// up by the only one who wanted it.
    failed,
    /// Requests, for answers and for streams, that went by the cache: they are sampled, carry more than 1,000 tags, or, for
    /// a stream, came by a handle that may not read or not store.
    bypassed,
    /// Answers and streams that were given to who asked and not kept, because a document that they were built on
    /// ([`Request::built_on`](super::Request::built_on)) was invalidated before they were done.
    overtaken,
    /// Requests for a stream.
    streams_asked,
    /// Of these: opened at the model,
    streamed,
    /// replayed from a recording,
    replayed,
    /// and let in to a stream that was under way.
    followed,
    /// Streams that were passed on and not kept: they were over `max_stream`.
    streams_too_large,
    /// Streams that ended early, because nobody listened any more.
    streams_abandoned,
    /// Requests for documents.
    retrievals,
    /// Of these: answered from the cache, or by a retrieval that was under way.
    retrieval_hits,
    /// Requests answered with the answer to a similar question.
    similar_hits,
    /// Questions whose vector could not be had.
    embedding_failed,
    /// Similar answers that were compared with what the model says.
    shadow_checks,
    /// Of these: told by the judge to be wrong.
    false_hits,
    /// Shadow checks that were left out, because too many were under way.
    shadow_skipped,
    /// Shadow checks that came to no judgement: the model, the embedder or the judge failed, panicked or took too long, or
    /// the answer was invalidated meanwhile.
    shadow_undecided,
    /// How often similar answers were switched off.
    switched_off,
}
