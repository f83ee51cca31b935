//! Tiers that keep nothing for one node.

/// What a tier keeps for one node, if it holds the log that all share: nothing. Where the log stands is met by who
/// follows it; what the tier was not told is in the journal of the node that did not tell it.
///
/// A macro, and no methods that `Tier` provides: another tier that left them out would forget what it has to keep.
macro_rules! remembers_nothing {
    () => {
        fn note<'a>(&'a self, _: &'a $crate::tier::Note) -> $crate::tier::Reply<'a, ()> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn recall(&self) -> $crate::tier::Reply<'_, $crate::tier::Recall> {
            Box::pin(std::future::ready(Ok($crate::tier::Recall::default())))
        }

        fn trust(&self, _: bool) {}
    };
}
pub(super) use remembers_nothing;
