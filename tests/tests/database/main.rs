//! The pooled database, on SQLite, PostgreSQL and MariaDB: each promise is written once and kept on all three.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::duplicate_mod, reason = "the same promises on each database")]

#[path = "../shared/ear.rs"]
#[allow(dead_code, reason = "a part of it")]
mod ear;
mod hindsight;
mod hypothetical;
mod in_memory;
mod interrupted;
mod keyed;
mod lagging;
mod many;
mod mysql;
mod postgres;
mod random;
mod rig;
mod schema;
mod settings;
mod sqlite;
mod walked;
