//! One binary; a module per promise.
#![allow(missing_docs, clippy::unwrap_used)]

mod behind;
mod cancel;
mod chaos;
mod codec;
mod damage;
mod fence;
mod guard;
mod hit;
mod invalidator;
mod isolation;
mod keys;
mod memory;
mod model;
mod namespace;
mod panic;
mod recursion;
mod restart;
mod rig;
mod shelf;
mod stale;
mod stampede;
mod store_damage;
mod tidy;
mod tier_contract;
mod tiers_fail;
