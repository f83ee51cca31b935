//! The response cache; a module per promise.
#![allow(missing_docs, clippy::unwrap_used)]

mod answers;
mod axum;
mod flood;
mod herd;
mod own;
mod poison;
mod promises;
mod proxied;
mod random;
mod rig;
mod stored;
mod suite;
mod told;
