//! What needs real servers: each test starts its own, or shares one that ends with the last who uses it.
#![allow(missing_docs, clippy::unwrap_used)]

mod ear;
mod sql_faults;
mod sql_nodes;
mod sql_rig;
mod sql_shared;
mod sql_tiers;
