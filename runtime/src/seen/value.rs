//! The value of an entry, as far as an operator may be shown it.

use std::fmt;

use super::explain::Explanation;
use crate::cache::Cache;
use crate::codec::{Frame, Preview};
use crate::plain::plain;
use crate::shelf::{Counted, Unshown};
use crate::upkeep::apart;

plain! {
    /// The value of an entry, or why it is not shown. Its `Debug` does not show it.
    #[derive(Clone, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct ShownValue {
        /// The first 4096 bytes of its JSON; nothing where it is not shown.
        pub json: Option<String>,
        /// Is the JSON longer than that?
        pub cut: bool,
        /// Why it is not shown.
        pub withheld: Option<String>,
    }
}

/// Are values wanted, and may they be shown?
#[derive(Debug, Clone, Copy)]
pub(super) enum Values {
    Unwanted,
    Withheld(&'static str),
    Shown,
}

impl Values {
    pub(super) const fn are_shown(self) -> bool {
        matches!(self, Self::Shown)
    }

    /// That of an entry in this state.
    pub(super) fn of(
        self,
        state: &str,
        shown: impl FnOnce() -> Option<Result<Preview, Unshown>>,
    ) -> Option<ShownValue> {
        match self {
            Self::Unwanted => None,
            Self::Withheld(why) => Some(ShownValue::withheld(why)),
            Self::Shown if matches!(state, "fresh" | "stale") => shown().map(ShownValue::of),
            Self::Shown => Some(ShownValue::withheld("it is not served now")),
        }
    }

    /// That of a frame which one of these has written. Reading it may take a while.
    pub(super) async fn of_frame(self, state: &'static str, shelves: &[Counted], frame: &Frame) -> Option<ShownValue> {
        if !self.are_shown() {
            return self.of(state, || None);
        }
        let (shelves, frame) = (shelves.to_vec(), frame.clone());
        let read = move || {
            let read = shelves.iter().map(|shelf| shelf.shown(&frame));
            read.reduce(Result::or).unwrap_or(Err(Unshown::Unknown))
        };
        apart(async move { self.of(state, || Some(read())) }).await
    }
}

impl ShownValue {
    fn withheld(why: &str) -> Self {
        Self { withheld: Some(why.to_owned()), ..Self::default() }
    }

    fn of(shown: Result<Preview, Unshown>) -> Self {
        match shown {
            Ok(Preview { json, cut }) => Self { json: Some(json), cut, withheld: None },
            Err(why) => Self::withheld(why.text()),
        }
    }
}

/// Nothing of the value: what is printed may be kept where values do not belong.
impl fmt::Debug for ShownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cut, withheld) = (&self.cut, &self.withheld);
        f.debug_struct("ShownValue").field("cut", cut).field("withheld", withheld).finish_non_exhaustive()
    }
}

impl Cache {
    /// The same as [`Cache::explain`], and of each place that a call could be answered from the value itself: the first
    /// 4096 bytes of its JSON.
    ///
    /// Values are data of your users: show them to who may read those. Withheld, with the reason, are values of a cache
    /// with [`Builder::encryption`](crate::Builder::encryption), those whose key hides a part (`secret(..)`, or longer
    /// than a key may be), those that are not served any more, and those that cannot be written: their type is not
    /// `Serialize`, JSON has no words for them, or they nest deeper than 120 levels.
    ///
    /// Nothing is loaded, promoted or removed. Cost: that of `explain`, and a value is written, that of a frame read
    /// before. Needs feature `http`, `metrics` or `opentelemetry`.
    pub async fn explain_with_values(&self, key: &str) -> Explanation {
        let values = self.withholds(key).map_or(Values::Shown, Values::Withheld);
        self.explained(key, values).await
    }

    /// Why no value of this key is shown, whatever its site.
    fn withholds(&self, key: &str) -> Option<&'static str> {
        let settings = &self.0.settings;
        if settings.keys.is_some() || settings.facts.encrypted {
            return Some("what this cache stores is encrypted, and so nothing of it is shown");
        }
        // A `#` of the caller's own would be escaped: behind this one stands a hash.
        key.contains('#').then_some("a part of its key is hidden, and so is its value")
    }
}
