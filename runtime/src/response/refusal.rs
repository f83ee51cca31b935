//! Why a response is not kept, and why a request is handed on without a look.

use crate::stats::{NotKeptCounts, count};

/// The first reason that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Status,
    NoStore,
    Private,
    Authorized,
    SetCookie,
    Vary,
    Unsaid,
    Spent,
    Tags,
    Endless,
    TooLong,
    Broken,
}

impl Refusal {
    pub(super) fn count(self, counts: &NotKeptCounts) {
        count(match self {
            Self::Status => &counts.status,
            Self::NoStore => &counts.no_store,
            Self::Private => &counts.private,
            Self::Authorized => &counts.authorized,
            Self::SetCookie => &counts.set_cookie,
            Self::Vary => &counts.vary,
            Self::Unsaid => &counts.unsaid,
            Self::Spent => &counts.spent,
            Self::Tags => &counts.tags,
            Self::Endless => &counts.endless,
            Self::TooLong => &counts.too_long,
            Self::Broken => &counts.broken,
        });
    }

    /// The word by which statistics and `Cache-Status` call it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorized => "authorized",
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::Unsaid => "unsaid",
            Self::Spent => "spent",
            Self::Tags => "tags",
            Self::Endless => "endless",
            Self::TooLong => "too-long",
            Self::Broken => "broken",
        }
    }
}

/// Why nothing was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bypass {
    /// Its method asks for no response that could be kept.
    Method,
    /// Its path is not cached.
    Path,
    /// It names several hosts, and so no address.
    Host,
    /// It wants nothing to be kept, says something itself, or has conditions that only the service can judge.
    Request,
}

impl Bypass {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Host => "host",
            Self::Request => "request",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_call_each_reason_by_its_word() {
        use Refusal::{
            Authorized, Broken, Endless, NoStore, Private, SetCookie, Spent, Status, Tags, TooLong, Unsaid, Vary,
        };
        let all =
            [Status, NoStore, Private, Authorized, SetCookie, Vary, Unsaid, Spent, Tags, Endless, TooLong, Broken];
        for refusal in all {
            let counts = NotKeptCounts::default();
            refusal.count(&counts);
            let told = counts.snapshot();
            let one: Vec<_> = told.all().into_iter().filter(|(_, number)| *number > 0).collect();
            assert_eq!((one, told.total()), (vec![(refusal.word(), 1)], 1));
        }
    }
}
