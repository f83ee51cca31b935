//! One binary; a module per promise.
#![allow(clippy::unwrap_used)]

mod behind;
mod chaos;
mod guard;
mod shelf;
