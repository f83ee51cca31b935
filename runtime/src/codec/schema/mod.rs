//! The schema of a type: what its `Deserialize` reads, at every depth, and a fingerprint of that.

mod graph;
mod probe;
mod tracer;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

pub(super) use graph::{Graph, Leaf, NodeId, ROOT, Token};

/// What a type's `Deserialize` reads: names, order, kinds and variants, at every depth.
///
/// A frame written under another fingerprint is a miss, never a value read by the wrong rules: that is what makes a
/// format without names safe. Changing the meaning of a field but neither its name nor its type is not seen: raise the
/// site's version for that.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The hash of the structure; the same in every process and build. One constant for all untraced types.
    pub fingerprint: u64,
    /// Could the whole type be traced? If not, it is encoded with its names.
    pub traced: bool,
    graph: Arc<Graph>,
}

impl Schema {
    /// The schema of `T`, found by letting its `Deserialize` run on made-up values until every variant was seen.
    ///
    /// Untraced are types that decide by looking at the data (untagged or internally tagged enums, `flatten`), types
    /// that refuse every made-up value, and types beyond any sensible size. Cost: microseconds to milliseconds, so once
    /// for each type, not for each value.
    #[must_use]
    pub fn of<T: DeserializeOwned>() -> Self {
        tracer::trace::<T>().map_or_else(Self::untraced, |graph| Self {
            fingerprint: graph.fingerprint(),
            traced: true,
            graph: Arc::new(graph),
        })
    }

    /// The schema of a type of which nothing is known.
    #[must_use]
    pub fn untraced() -> Self {
        Self { fingerprint: xxh3_64(b"untraced"), traced: false, graph: Arc::default() }
    }

    /// The structure, if it is known.
    pub(super) fn graph(&self) -> Option<&Graph> {
        self.traced.then_some(&*self.graph)
    }
}
