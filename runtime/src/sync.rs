//! Locks, counters and tasks of all that is tried under every schedule: flight, log and breaker take them from here.
//!
//! `tests/schedules` compiles the same files over a scheduler of its own, which puts other things under these names.

pub(crate) use std::sync::atomic;
pub(crate) use std::thread_local;

#[cfg(feature = "tiers")]
pub(crate) use parking_lot::MutexGuard;
pub(crate) use parking_lot::{Condvar, Mutex, RwLock};
pub(crate) use tokio::runtime::Handle;
