//! What became of requests, counted, and told where that was asked for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::plain::plain;
use crate::stats::count;

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// The counters of one layer and its clones.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $field: AtomicU64,)*
        }

        plain! {
            /// What one [`ResponseCache`](super::ResponseCache) and its clones did so far. Numbers only.
            ///
            /// ```
            /// # fn example(responses: &cached_runtime::response::ResponseCache) -> String {
            /// let stats = responses.stats();
            /// let answered = stats.hits + stats.stale + stats.joined;
            /// format!("{answered} of {} requests were answered from the cache", stats.asked)
            /// # }
            /// ```
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
            #[non_exhaustive]
            pub struct ResponseStats {
                $($(#[$doc])* pub $field: u64,)*
            }
        }

        impl Counters {
            pub(super) fn snapshot(&self) -> ResponseStats {
                ResponseStats { $($field: self.$field.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Requests that could be answered from the cache: `GET` and `HEAD`, of paths that are cached. Each is counted once
    /// more, when it is answered, as one of the next four.
    asked,
    /// Of these: answered from the cache,
    hits,
    /// answered with a response past its time, as it or the settings allow, some of them after the service had failed,
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
    /// Responses to whole requests that were not, because they, or who asked, did not let them be.
    unstorable,
    /// Responses that could have been stored, and were too long, had trailers or broke off.
    broken_off,
    /// Answers in an encoding that was made here.
    packed,
    /// Answers that said that nothing has changed.
    not_modified,
    /// Requests that changed something, and took back what was stored for their addresses.
    invalidating,
}

/// How a request was handled: RFC 9211, section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handled {
    Hit,
    Stale,
    Joined,
    /// There was nothing.
    Miss,
    /// There was something past its time.
    Expired,
    /// There was something, and the request did not want it.
    Refused,
}

impl Handled {
    pub(super) fn count(self, counters: &Counters) {
        count(match self {
            Self::Hit => &counters.hits,
            Self::Stale => &counters.stale,
            Self::Joined => &counters.joined,
            Self::Miss | Self::Expired | Self::Refused => &counters.misses,
        });
    }

    /// Was the service not asked for this?
    pub(super) const fn is_from_cache(self) -> bool {
        matches!(self, Self::Hit | Self::Stale | Self::Joined)
    }

    /// Tells it in `Cache-Status`, behind what other caches told.
    pub(super) fn tell(self, headers: &mut HeaderMap, name: Option<&HeaderValue>, ttl: Option<i64>) {
        let Some(name) = name.and_then(|name| name.to_str().ok()) else { return };
        let what = match self {
            Self::Hit | Self::Stale => "hit",
            Self::Joined => "hit; collapsed",
            Self::Miss => "fwd=miss",
            Self::Expired => "fwd=stale",
            Self::Refused => "fwd=request",
        };
        let ttl = ttl.map_or(String::new(), |ttl| format!("; ttl={ttl}"));
        if let Ok(value) = HeaderValue::try_from(format!("{name}; {what}{ttl}")) {
            headers.append(HeaderName::from_static("cache-status"), value);
        }
    }
}
