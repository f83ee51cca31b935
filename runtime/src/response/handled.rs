//! How a request was handled, counted, and told where that was asked for.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::refusal::{Bypass, Refusal};
use crate::stats::{ResponseCounts, count};

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
    /// Calls go by the cache for now.
    Paused,
}

/// What `Cache-Status` tells of an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    what: &'static str,
    /// Was it stored for others?
    is_stored: bool,
    /// For how many seconds it is fresh.
    ttl: Option<i64>,
    detail: Option<&'static str>,
}

impl Handled {
    pub(super) fn count(self, counts: &ResponseCounts) {
        count(match self {
            Self::Hit => &counts.hits,
            Self::Stale => &counts.stale,
            Self::Joined => &counts.joined,
            Self::Miss | Self::Expired | Self::Refused | Self::Paused => &counts.misses,
        });
    }

    /// Was the service not asked for this?
    pub(super) const fn is_from_cache(self) -> bool {
        matches!(self, Self::Hit | Self::Stale | Self::Joined)
    }

    pub(super) const fn told(self) -> Told {
        let what = match self {
            Self::Hit | Self::Stale => "hit",
            Self::Joined => "hit; collapsed",
            Self::Miss => "fwd=miss",
            Self::Expired => "fwd=stale",
            Self::Refused => "fwd=request",
            Self::Paused => "fwd=bypass",
        };
        let detail = if matches!(self, Self::Paused) { Some("paused") } else { None };
        Told { what, is_stored: false, ttl: None, detail }
    }
}

impl Bypass {
    pub(super) const fn told(self) -> Told {
        let (what, detail) = match self {
            Self::Method => ("fwd=method", None),
            other => ("fwd=bypass", Some(other.word())),
        };
        Told { what, is_stored: false, ttl: None, detail }
    }
}

impl Told {
    /// With a response that is kept; while calls go by the cache none is.
    pub(super) fn kept(self, ttl: i64, is_stored: bool) -> Self {
        if self.detail.is_some() { self } else { Self { ttl: Some(ttl), is_stored, ..self } }
    }

    /// With one that is not.
    pub(super) fn not_kept(self, why: Option<Refusal>) -> Self {
        Self { detail: self.detail.or(why.map(Refusal::word)), ..self }
    }

    /// Behind what other caches told.
    pub(super) fn write(self, headers: &mut HeaderMap, name: Option<&HeaderValue>) {
        let Some(name) = name.and_then(|name| name.to_str().ok()) else { return };
        let stored = if self.is_stored { "; stored" } else { "" };
        let ttl = self.ttl.map_or(String::new(), |ttl| format!("; ttl={ttl}"));
        let detail = self.detail.map_or(String::new(), |detail| format!("; detail={detail}"));
        if let Ok(value) = HeaderValue::try_from(format!("{name}; {}{ttl}{stored}{detail}", self.what)) {
            headers.append(HeaderName::from_static("cache-status"), value);
        }
    }
}
