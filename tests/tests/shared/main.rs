//! Several nodes over one Redis: what is promised while it is well, slow, frozen, killed, emptied and failed over.
#![allow(missing_docs, clippy::unwrap_used, missing_debug_implementations)]

mod address;
mod answers;
mod asleep;
mod attack;
mod audit;
mod basics;
mod batched;
mod centuries;
mod child;
mod cluster;
mod data;
mod dedup;
mod ear;
mod emptied;
mod failover;
mod herd;
mod late;
mod leased;
mod matrix;
mod network;
mod others;
mod outage;
mod pairs;
mod race;
mod rig;
mod secrecy;
mod secrets;
mod server;
mod states;
mod suspect;
mod tls;
mod together;
mod valkey;
mod veiled;
mod warmed;
