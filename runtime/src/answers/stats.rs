//! What became of requests, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::plain::plain;

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

counters! {
    /// Requests for an answer.
    asked,
    /// Of these: answered from the cache, or by a call of the model that was under way.
    hits,
    /// Calls of the model for answers.
    model_calls,
    /// Calls of the model, for answers and for streams, that failed.
    failed,
    /// Requests that went by the cache: they are sampled, or carry more than 1,000 tags.
    bypassed,
    /// Answers, streams and retrievals that were not kept, because a document was invalidated while they were made.
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
    /// Shadow checks that were left out, because too many were under way, or that failed.
    shadow_skipped,
    /// How often similar answers were switched off.
    switched_off,
}
