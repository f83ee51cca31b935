//! Several nodes over one Redis: what is promised while it is well, slow, frozen, killed, emptied and failed over.
#![allow(missing_docs, clippy::unwrap_used, missing_debug_implementations)]

mod basics;
mod data;
mod ear;
mod network;
mod others;
mod outage;
mod rig;
mod server;
