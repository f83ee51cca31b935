//! What is true of the data, and a log of what was written and read.
//!
//! The value of a key is its version: a source counts it, a writer raises it, commits and invalidates. Each node logs
//! what it did; the checker reads the logs of all nodes.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::now;

/// A source that counts a version for each key; one that was never written has version zero.
#[derive(Debug, Default)]
pub struct Source(Mutex<HashMap<String, u64>>);

impl Source {
    /// The committed version of a key.
    #[must_use]
    pub fn read(&self, key: &str) -> u64 {
        held(&self.0).get(key).copied().unwrap_or(0)
    }

    /// Commits the next version of a key and tells it.
    pub fn commit(&self, key: &str) -> u64 {
        let mut versions = held(&self.0);
        let version = versions.entry(key.to_owned()).or_default();
        *version += 1;
        *version
    }
}

/// Something that a node did, with times of [`now`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A version was committed and invalidated.
    Write {
        /// What was written.
        key: String,
        /// The version that was committed.
        version: u64,
        /// When the write was begun.
        called_at: u64,
        /// When the invalidation had returned.
        returned_at: u64,
        /// Who wrote.
        node: u32,
    },
    /// A version was read through the cache.
    Read {
        /// What was read.
        key: String,
        /// The version that was got.
        version: u64,
        /// When the read was begun.
        started_at: u64,
        /// When the read had returned.
        ended_at: u64,
        /// Who read.
        node: u32,
    },
}

/// One line, with the key at the end, because it may have spaces.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Write { key, version, called_at, returned_at, node } => {
                write!(f, "W {node} {version} {called_at} {returned_at} {key}")
            }
            Event::Read { key, version, started_at, ended_at, node } => {
                write!(f, "R {node} {version} {started_at} {ended_at} {key}")
            }
        }
    }
}

/// A line that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoEvent(String);

impl fmt::Display for NoEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no event: {:?}", self.0)
    }
}

impl std::error::Error for NoEvent {}

impl FromStr for Event {
    type Err = NoEvent;

    fn from_str(line: &str) -> Result<Event, NoEvent> {
        event(line).ok_or_else(|| NoEvent(line.to_owned()))
    }
}

fn event(line: &str) -> Option<Event> {
    let mut parts = line.splitn(6, ' ');
    let kind = parts.next()?;
    let (node, version) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (begun, done) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let key = parts.next()?.to_owned();
    match kind {
        "W" => Some(Event::Write { key, version, called_at: begun, returned_at: done, node }),
        "R" => Some(Event::Read { key, version, started_at: begun, ended_at: done, node }),
        _ => None,
    }
}

/// The log of one node: a file, from which another process reads it.
#[derive(Debug)]
pub struct Log {
    node: u32,
    file: Mutex<BufWriter<File>>,
}

impl Log {
    /// Begins the log of a node, which takes the place of a file of that name.
    pub fn create(file: impl AsRef<Path>, node: u32) -> io::Result<Log> {
        Ok(Log { node, file: Mutex::new(BufWriter::new(File::create(file)?)) })
    }

    /// Logs a write that was begun at a time of [`now`] and whose invalidation has just returned.
    pub fn wrote(&self, key: &str, version: u64, called_at: u64) {
        let (key, node) = (key.to_owned(), self.node);
        self.log(&Event::Write { key, version, called_at, returned_at: now(), node });
    }

    /// Logs a read that was begun at a time of [`now`] and has just returned.
    pub fn read(&self, key: &str, version: u64, started_at: u64) {
        let (key, node) = (key.to_owned(), self.node);
        self.log(&Event::Read { key, version, started_at, ended_at: now(), node });
    }

    /// Hands all lines to the system, which keeps them when the process is killed. It also happens on drop.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn flush(&self) {
        held(&self.file).flush().expect("the log can be written");
    }

    fn log(&self, event: &Event) {
        let line = event.to_string();
        assert!(!line.contains('\n'), "a key in the log has no line break: {line:?}");
        writeln!(held(&self.file), "{line}").expect("the log can be written");
    }
}

/// Reads logs. A line that a killed process did not finish is left out.
///
/// # Panics
///
/// When a file cannot be read or has a whole line that is no event.
pub fn read_logs(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Vec<Event> {
    files.into_iter().flat_map(|file| read_log(file.as_ref())).collect()
}

fn read_log(file: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{} cannot be read: {e}", file.display()));
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse().unwrap_or_else(|e| panic!("{}: {e}", file.display()))).collect()
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
