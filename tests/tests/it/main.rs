//! One binary for all promises.

#![allow(missing_docs, clippy::unwrap_used)]

mod codec;
