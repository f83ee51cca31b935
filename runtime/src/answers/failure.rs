//! Why a load came to nothing that can be kept.

use std::sync::Arc;

/// How a load ended that is not kept; `V` is what it made all the same.
#[derive(Debug)]
pub(super) enum Failure<V, E> {
    /// The source said no.
    Source(Arc<E>),
    /// It was made from what was invalidated meanwhile: good for who asked, and for nobody else.
    Overtaken(V),
    /// It is too large, nobody wanted its end, or it was not even begun: what it would have been made from was out of date.
    Unkept,
}

impl<V, E> Failure<V, E> {
    /// The source's error.
    pub(super) fn source(&self) -> Option<Arc<E>> {
        match self {
            Self::Source(error) => Some(Arc::clone(error)),
            Self::Overtaken(_) | Self::Unkept => None,
        }
    }
}
