//! One binary; a module per promise.
#![allow(missing_docs, clippy::unwrap_used)]

mod behind;
mod chaos;
mod codec;
mod guard;
mod shelf;
mod store_damage;
mod tier_contract;
