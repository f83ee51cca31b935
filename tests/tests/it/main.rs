//! The promises of the cache, one module each.

mod store_damage;
mod tier_contract;
