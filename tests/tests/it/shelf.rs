//! A tier in a map, frames and records: what the tests of wrappers stand on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cached_runtime::codec::{Frame, Head};
use cached_runtime::group::{Group, Position, Record};
use cached_runtime::key::Key;
use cached_runtime::tier::{Judge, Note, Recall, Reply, Step, Tidied, Tier};

pub(crate) const NOW: u64 = 1_000_000_000_000;

/// The simplest tier that keeps the promises of the trait while the process lives.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Rows>, Mutex<Option<Hook>>);

/// Called when the shelf is told whether it is to be trusted.
struct Hook(Box<dyn Fn(bool) + Send>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug, Default)]
struct Rows {
    frames: BTreeMap<String, Bytes>,
    /// Keys whose frames are not stored.
    left_out: BTreeSet<String>,
    recall: Recall,
    cursor: usize,
}

impl Shelf {
    pub(crate) fn when_trust_is_said(&self, hook: impl Fn(bool) + Send + 'static) {
        *self.1.lock().unwrap() = Some(Hook(Box::new(hook)));
    }

    /// Frames of this key are left out from now on.
    pub(crate) fn leave_out(&self, name: &str) {
        self.0.lock().unwrap().left_out.insert(name.to_owned());
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.lock().unwrap().frames.contains_key(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().frames.len()
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().recall.records.clone()
    }

    pub(crate) fn plant(&self, name: &str, bytes: impl Into<Bytes>) {
        self.0.lock().unwrap().frames.insert(name.to_owned(), bytes.into());
    }
}

impl Tier for Shelf {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        let rows = self.0.lock().unwrap();
        let found = keys.iter().map(|k| rows.frames.get(k.as_str()).cloned()).collect();
        Box::pin(async move { Ok(found) })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        let mut rows = self.0.lock().unwrap();
        let mut left_out = Vec::new();
        for (place, frame) in frames.iter().enumerate() {
            if rows.left_out.contains(frame.key().as_str()) {
                left_out.push(place);
            } else {
                rows.frames.insert(frame.key().to_string(), frame.bytes().clone());
            }
        }
        Box::pin(async { Ok(left_out) })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        let mut rows = self.0.lock().unwrap();
        for record in records {
            match &record.group {
                Group::Key(key) => drop(rows.frames.remove(key.as_str())),
                _ => rows.recall.records.push(record.clone()),
            }
            rows.recall.position = Some(record.position);
        }
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        let mut rows = self.0.lock().unwrap();
        keys.iter().for_each(|key| drop(rows.frames.remove(key.as_str())));
        Box::pin(async { Ok(()) })
    }

    fn note<'a>(&'a self, _: &'a Note) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        let recall = self.0.lock().unwrap().recall.clone();
        Box::pin(async move { Ok(recall) })
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        let mut rows = self.0.lock().unwrap();
        if let Some(forget) = step.forget {
            rows.recall.records.retain(|r| r.position.number > forget.number);
        }
        let at = rows.cursor;
        let looked: Vec<(String, Bytes)> =
            rows.frames.iter().skip(at).take(step.entries).map(|(k, b)| (k.clone(), b.clone())).collect();
        let mut removed = 0;
        for (key, bytes) in &looked {
            let keep = Frame::read(bytes.clone()).is_ok_and(|f| f.head().stale_until >= step.now && (step.keep)(&f));
            if !keep {
                rows.frames.remove(key);
                removed += 1;
            }
        }
        rows.cursor = at + looked.len() - removed;
        let wrapped = rows.cursor >= rows.frames.len();
        if wrapped {
            rows.cursor = 0;
        }
        let entries = rows.frames.len() as u64;
        let tidied = Tidied { seen: looked.len(), removed, wrapped, entries, bytes: 0 };
        Box::pin(async move { Ok(tidied) })
    }
    fn trust(&self, trusted: bool) {
        if let Some(hook) = &*self.1.lock().unwrap() {
            (hook.0)(trusted);
        }
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shelf")
    }
}

pub(crate) fn key(name: &str) -> Key {
    Key::from_stored(name)
}

pub(crate) const fn at(number: u64) -> Position {
    Position { epoch: 7, number }
}

/// A frame of this key, born at this place in the log, good for a minute.
pub(crate) fn frame(name: &str, birth: u64) -> Frame {
    tagged(name, birth, &[])
}

pub(crate) fn tagged(name: &str, birth: u64, tags: &[&str]) -> Frame {
    timed(name, birth, tags, NOW, NOW + 60_000)
}

pub(crate) fn timed(name: &str, birth: u64, tags: &[&str], born: u64, until: u64) -> Frame {
    let head = Head {
        fingerprint: 1,
        birth: at(birth),
        shared: Position::NOWHERE,
        born,
        fresh_until: until,
        stale_until: until,
        key: key(name),
        tags: tags.iter().map(|t| Arc::from(*t)).collect(),
        format: 0,
        compression: 0,
        raw_len: 8,
    };
    Frame::seal(head, &birth.to_le_bytes()).unwrap()
}

pub(crate) fn drop_key(name: &str, number: u64) -> Record {
    Record { group: Group::Key(key(name)), position: at(number) }
}

pub(crate) fn drop_tag(tag: &str, number: u64) -> Record {
    Record { group: Group::Tag(tag.into()), position: at(number) }
}

/// A log for tests: every record in a list.
#[derive(Debug, Default, Clone)]
pub(crate) struct Log(Arc<(Mutex<Vec<Record>>, AtomicU64)>);

impl Log {
    /// The next record of this group, known to the judge from now on.
    pub(crate) fn append(&self, group: Group) -> Record {
        let record = Record { group, position: at(self.0.1.fetch_add(1, Ordering::SeqCst) + 1) };
        self.0.0.lock().unwrap().push(record.clone());
        record
    }

    pub(crate) fn add(&self, record: &Record) {
        self.0.0.lock().unwrap().push(record.clone());
    }

    pub(crate) fn judge(&self) -> Judge {
        let log = self.clone();
        Arc::new(move |frame| {
            let records = log.0.0.lock().unwrap();
            !records.iter().any(|r| {
                r.position.number > frame.head().birth.number && r.group.names(frame.key().as_str(), frame.tags())
            })
        })
    }
}

/// A judge that knows no log: the control without the guard.
pub(crate) fn credulous() -> Judge {
    Arc::new(|_| true)
}

/// Waits for something that happens on another thread; fails if it does not.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("not within a minute: {what}");
}
