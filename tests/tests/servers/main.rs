//! What needs real servers: each test starts its own, or shares one that ends with the last who uses it.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../shared/ear.rs"]
#[allow(dead_code, reason = "parts of it are for Redis")]
mod ear;
#[path = "../shared/leased.rs"]
mod leased;
mod log_herd;
mod log_network;
mod log_nodes;
mod log_outage;
mod log_races;
mod log_secrecy;
#[path = "../shared/race.rs"]
mod race;
#[path = "../shared/rig.rs"]
#[allow(dead_code, reason = "parts of it are for Redis")]
mod rig;
mod sql_emptied;
mod sql_faults;
mod sql_nodes;
mod sql_rig;
mod sql_shared;
mod sql_swept;
mod sql_tiers;
mod swept;
#[path = "../shared/veiled.rs"]
mod veiled;
