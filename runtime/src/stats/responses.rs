//! What became of the requests of response caches, and why responses were not kept.

#[cfg(feature = "response")]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::plain::plain;

/// Declares numbers, and with feature `response` what they are counted in.
macro_rules! numbers {
    (
        $(#[$about:meta])* $name:ident = $counts:ident {
            $($(#[$doc:meta])* $field:ident,)*
        } $(with { $(#[$its_doc:meta])* $part:ident: $ty:ident = $its:ident })?
    ) => {
        plain! {
            $(#[$about])*
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
            #[non_exhaustive]
            pub struct $name {
                $($(#[$doc])* pub $field: u64,)*
                $($(#[$its_doc])* pub $part: $ty,)?
            }
        }

        #[cfg(any(feature = "metrics", feature = "opentelemetry"))]
        impl $name {
            /// With what another namespace's did.
            pub(crate) const fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
                $(self.$part.add(&other.$part);)?
            }
        }

        /// The same while it is counted.
        #[cfg(feature = "response")]
        #[derive(Debug, Default)]
        pub(crate) struct $counts {
            $(pub(crate) $field: AtomicU64,)*
            $(pub(crate) $part: $its,)?
        }

        #[cfg(feature = "response")]
        impl $counts {
            pub(crate) fn snapshot(&self) -> $name {
                $name { $($field: self.$field.load(Relaxed),)* $($part: self.$part.snapshot(),)? }
            }
        }
    };
}

numbers! {
    /// What the response caches of one namespace did so far. Numbers only.
    ///
    #[cfg_attr(
        feature = "response",
        doc = r#"
```
# fn example(responses: &cached_runtime::response::ResponseCache) -> String {
let stats = responses.stats();
let answered = stats.hits + stats.stale + stats.joined;
format!("{answered} of {} requests were answered from the cache", stats.asked)
# }
```
"#
    )]
    ResponseStats = ResponseCounts {
        /// Requests that could be answered from the cache: `GET` and `HEAD`, of paths that are cached. Each is counted
        /// once more, when it is answered, as one of the next four.
        asked,
        /// Of these: answered from the cache,
        hits,
        /// answered with a response past its time, as it or the settings allow, some of them after the service had
        /// failed,
        stale,
        /// answered with what another request, which was under way, brought,
        joined,
        /// and those that found nothing, or nothing that would do: most went to the service.
        misses,
        /// Questions to the service whether a stored response still stands.
        validations,
        /// Of these: it does.
        validated,
        /// Responses that were stored.
        stored,
        /// Answers in an encoding that was made here.
        packed,
        /// Answers that said that nothing has changed.
        not_modified,
        /// Requests that changed something, and took back what was stored for their addresses.
        invalidating,
    } with {
        /// Responses that were not stored, by why.
        not_kept: NotKeptStats = NotKeptCounts
    }
}

numbers! {
    /// Responses that were not kept, by the first reason that was found. `Cache-Status` tells the same word, with
    /// dashes, where it is asked for.
    NotKeptStats = NotKeptCounts {
        /// No cache keeps its status, or it says what was wrong with the request: 206, 412, 416, 429 and others.
        status,
        /// It says `no-store`.
        no_store,
        /// It says `private`.
        private,
        /// Who asked was authorized, and it does not say that it is for all.
        authorized,
        /// It sets a cookie.
        set_cookie,
        /// It depends on what no request tells (`Vary: *`), or on too much.
        vary,
        /// It does not say how long it is fresh; nor does its status, the settings, or its `Last-Modified`.
        unsaid,
        /// It is past its time already, or to be asked for each time (`no-cache`), and the service could not be asked
        /// whether it still stands: it has no `ETag` and no `Last-Modified`.
        spent,
        /// Its tags are too many, too long, or no UTF-8: it could not be taken back by them.
        tags,
        /// It has no end: a stream of events.
        endless,
        /// It is longer than bodies may be.
        too_long,
        /// It broke off, took too long, has trailers, or is not as long as it said.
        broken,
    }
}

impl NotKeptStats {
    /// Each reason, by its word, with its number.
    pub(crate) const fn all(&self) -> [(&'static str, u64); 12] {
        [
            ("status", self.status),
            ("no-store", self.no_store),
            ("private", self.private),
            ("authorized", self.authorized),
            ("set-cookie", self.set_cookie),
            ("vary", self.vary),
            ("unsaid", self.unsaid),
            ("spent", self.spent),
            ("tags", self.tags),
            ("endless", self.endless),
            ("too-long", self.too_long),
            ("broken", self.broken),
        ]
    }

    /// All together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.all().iter().map(|(_, number)| number).sum()
    }
}
