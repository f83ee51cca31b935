//! Calls that are begun because they usually follow others.

use std::future::Future;
use std::sync::Arc;

use super::begin::begin_ahead;
use crate::ahead::Why;
use crate::cache::Cache;
use crate::key::KeyPart;
use crate::near::Whereabouts;
use crate::policy::Predict;
use crate::predict::How;
use crate::shelf::Shelf;

/// One call of a function with `predict`: learned from, and what usually follows is begun.
pub(crate) struct Foreseen<'a, Q, K, V, R> {
    pub(crate) cache: &'a Cache,
    pub(crate) shelf: &'a Shelf<K, V, R>,
    pub(crate) key: &'a Q,
    pub(crate) session: u64,
}

impl<Q, K, V, R> Foreseen<'_, Q, K, V, R>
where
    Q: KeyPart<Owned = K>,
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    /// `own` keeps the arguments that form the key, `is_ours` tells whether `call` could call for one, `call` calls the
    /// function with such.
    pub(crate) fn go<A, C, F>(self, own: impl FnOnce() -> A, is_ours: impl Fn(&K) -> bool, call: C)
    where
        A: Send + Sync + 'static,
        C: Fn(Arc<(K, A)>) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { cache, shelf, key, session } = self;
        let Some(limits) = shelf.policy().predict.map(Predict::limits) else { return };
        let Some(predictor) = shelf.foresight.predictor::<Arc<(K, A)>>(limits) else { return };
        let how = match shelf.whereabouts(key) {
            Whereabouts::Near => How::Hit,
            Whereabouts::InTheAir => How::Joined,
            Whereabouts::Nowhere => How::Miss,
        };
        let own = || Arc::new((key.to_owned_part(), own()));
        // What is loaded by another instance of a generic function may as well be there.
        let is_there =
            |_, known: &Arc<(K, A)>| !is_ours(&known.0) || shelf.whereabouts(&known.0) != Whereabouts::Nowhere;
        for ahead in predictor.access(session, shelf.near.seen(key).hash, how, own, is_there) {
            if !begin_ahead(cache, shelf, Why::Predicted, 1, || call(ahead.key)) {
                predictor.not_loaded(session, ahead.hash);
            }
        }
    }
}
