//! Without tiers a load reads nothing and seals nothing.

use super::Miss;
use crate::codec::Frame;
use crate::depth::Depth;
use crate::flight::Flight;
use crate::key::KeyPart;
use crate::log::Birth;
use crate::outcome::{Shape, Sort};
use crate::shelf::{Life, Shelf};
use crate::stack::Down;

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    pub(super) async fn read_down(&self, _: &Flight<V, R>, _: &Shelf<K, V, R>) -> Option<(V, Life, Frame)> {
        None
    }

    pub(super) async fn read_down_together(
        _: &Shelf<K, V, R>,
        asked: Vec<(&Self, &Flight<V, R>)>,
    ) -> Vec<Option<(V, Life, Frame)>> {
        asked.iter().map(|_| None).collect()
    }

    pub(super) fn open(&self, _: &Shelf<K, V, R>, down: Down) -> Option<(V, Life, Frame)> {
        match down {}
    }

    pub(super) fn seal(&self, _: &Shelf<K, V, R>, _: &V, _: Sort, _: Birth, _: Life) -> Option<Frame> {
        None
    }
}
