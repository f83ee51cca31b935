//! A loader that counts how often it ran.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Gate;

/// A source of values that counts its loads and fails by script: the body of a cached function under test.
///
/// The n-th load, from 1, answers what the function makes of n.
#[derive(Debug)]
pub struct CountingLoader<F> {
    make: F,
    gate: Gate,
    script: Mutex<VecDeque<Script>>,
    starts: AtomicU64,
    finishes: AtomicU64,
    running: AtomicU64,
    peak: AtomicU64,
}

/// What one load does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Answers its value, as it does without a script.
    Value,
    /// Answers this error.
    Error(String),
    /// Panics with this message.
    Panic(String),
}

/// The error a script asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedError(pub String);

impl<T, F: Fn(u64) -> T> CountingLoader<F> {
    /// A loader of these values, without a gate or a script.
    pub fn new(make: F) -> Self {
        let zero = || AtomicU64::new(0);
        let (starts, finishes, running, peak) = (zero(), zero(), zero(), zero());
        Self { make, gate: Gate::opened(), script: Mutex::default(), starts, finishes, running, peak }
    }

    /// The same loader, each load of which passes this gate after it was counted as started.
    #[must_use]
    pub fn gated(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// Adds to what the next loads do, one after the other; when the script is over, they answer values.
    pub fn then(&self, script: impl IntoIterator<Item = Script>) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).extend(script);
    }

    /// One load.
    ///
    /// # Errors
    /// If the script says so.
    ///
    /// # Panics
    /// If the script says so.
    pub async fn load(&self) -> Result<T, ScriptedError> {
        let n = self.starts.fetch_add(1, Ordering::AcqRel) + 1;
        let step = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let _running = Running::start(&self.running, &self.peak);
        self.gate.pass().await;
        match step.unwrap_or(Script::Value) {
            Script::Error(text) => {
                self.finishes.fetch_add(1, Ordering::AcqRel);
                Err(ScriptedError(text))
            }
            Script::Panic(text) => panic!("{text}"),
            Script::Value => {
                let value = (self.make)(n);
                self.finishes.fetch_add(1, Ordering::AcqRel);
                Ok(value)
            }
        }
    }
}

impl<F> CountingLoader<F> {
    /// Loads begun.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Acquire)
    }

    /// Loads that came to an answer, a value or an error: neither cancelled nor panicked.
    pub fn finishes(&self) -> u64 {
        self.finishes.load(Ordering::Acquire)
    }

    /// Loads under way.
    pub fn running(&self) -> u64 {
        self.running.load(Ordering::Acquire)
    }

    /// The most loads that were ever under way at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Acquire)
    }
}

/// Counted off however the load ends: by a value, a panic, or being dropped.
struct Running<'a>(&'a AtomicU64);

impl<'a> Running<'a> {
    fn start(running: &'a AtomicU64, peak: &AtomicU64) -> Self {
        peak.fetch_max(running.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        Self(running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Display for ScriptedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for ScriptedError {}
