//! Several nodes over one Redis: what is promised while it is well, slow, frozen, killed, emptied and failed over.
#![allow(missing_docs, clippy::unwrap_used, missing_debug_implementations)]

mod audit;
mod basics;
mod failover;
mod herd;
mod matrix;
mod outage;
mod rig;
mod suspect;
