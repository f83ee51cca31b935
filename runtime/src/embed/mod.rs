//! Vectors of texts (embeddings), each asked of its model once.
//!
//! A model that turns texts into vectors costs milliseconds of a processor or money per text, and gives one text the
//! same vector each time. [`CachedModel`] stands in front of it: each text is an entry of its own, and only those that
//! are nowhere reach the model, each once, in batches.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use cached_runtime::embed::{CachedModel, Precision, embed_fn};
//!
//! # async fn example(cache: &cached_runtime::Cache) -> Result<(), Box<dyn std::error::Error>> {
//! // Stands for a model: how many letters a text has, and how many words.
//! let base = embed_fn(|texts: Vec<String>| async move {
//!     let count = |text: &String| vec![text.len() as f32, text.split_whitespace().count() as f32];
//!     Ok::<_, Infallible>(texts.iter().map(count).collect())
//! });
//! let model = CachedModel::wrap(base).id("lengths").version(2).precision(Precision::F16).build(cache)?;
//!
//! let vectors = model.embed(&["to be", "or not", "to be"]).await?;
//! assert_eq!(vectors[0], vectors[2]);
//! assert_eq!(model.stats().asked, 2); // the third was the first
//! # Ok(())
//! # }
//! ```
//!
//! **What an entry is.** Its key names the model's id and version, the [`Precision`], the number of dimensions and the
//! tags if some were said, and a SHA-256 of the text, whole, so that no two texts share a vector. The text itself is in no key, log
//! or tier. But who can read a tier's keys can try texts: where they are guessable, as names and short questions are,
//! give the cache a secret with [`Builder::key_secret`](crate::Builder::key_secret), which goes into the hash, and mind
//! that texts can be guessed from their vectors, too (feature `encryption` hides those).
//!
//! **What a caller gets** is the same, bit for bit, whether the model was asked just now or a tier had the vector: with
//! [`Precision::F16`] and [`Precision::I8`] new vectors are rounded as stored ones are. A hit in memory shares the
//! numbers and copies none of them.
//!
//! **What goes wrong** is told for each text: a batch that fails fails for its own texts, others go on, and nothing is
//! kept of it. See [`EmbedError`] and [`Fault`]. A tier that fails costs a question to the model and is no error.
//!
//! When not to use it: for a model with chance in it, or one whose answer depends on the other texts of its batch. What
//! it said first would stay.

mod ask;
mod dimensions;
mod failure;
mod model;
mod name;
mod options;
mod precision;
mod stats;
mod together;
mod turn;
mod vector;

use std::fmt;
use std::future::Future;

pub use self::failure::{EmbedError, Fault, Refused};
pub use self::model::CachedModel;
pub use self::options::ModelOptions;
pub use self::precision::Precision;
pub use self::stats::EmbedStats;

/// A model that turns texts into vectors.
///
/// For a closure there is [`embed_fn`]. Of each text its vector must depend alone: not on its neighbours, not on
/// chance.
pub trait Embed: Send + Sync + 'static {
    /// Why it can fail; told to all who wait for a text of the batch, in an `Arc`.
    type Error: Send + Sync + 'static;

    /// One vector for each text, in order, all of one length and of finite numbers. It is never asked for no texts.
    fn embed(&self, texts: &[String]) -> impl Future<Output = Result<Vec<Vec<f32>>, Self::Error>> + Send;
}

/// A model that is an async closure; see [`embed_fn`].
#[derive(Clone, Copy)]
pub struct EmbedFn<F>(F);

/// A model of a closure, which is given the texts and owns them: what its future needs beside, it clones.
///
/// ```
/// use std::sync::Arc;
/// use cached_runtime::embed::embed_fn;
///
/// # struct Client;
/// # impl Client {
/// #     async fn vectors(&self, _: Vec<String>) -> Result<Vec<Vec<f32>>, std::io::Error> { Ok(Vec::new()) }
/// # }
/// let client = Arc::new(Client);
/// let model = embed_fn(move |texts| {
///     let client = Arc::clone(&client);
///     async move { client.vectors(texts).await }
/// });
/// # let _ = model;
/// ```
pub const fn embed_fn<F, T, E>(ask: F) -> EmbedFn<F>
where
    F: Fn(Vec<String>) -> T + Send + Sync + 'static,
    T: Future<Output = Result<Vec<Vec<f32>>, E>> + Send,
    E: Send + Sync + 'static,
{
    EmbedFn(ask)
}

impl<F, T, E> Embed for EmbedFn<F>
where
    F: Fn(Vec<String>) -> T + Send + Sync + 'static,
    T: Future<Output = Result<Vec<Vec<f32>>, E>> + Send,
    E: Send + Sync + 'static,
{
    type Error = E;

    fn embed(&self, texts: &[String]) -> impl Future<Output = Result<Vec<Vec<f32>>, E>> + Send {
        (self.0)(texts.to_vec())
    }
}

impl<F> fmt::Debug for EmbedFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmbedFn")
    }
}
