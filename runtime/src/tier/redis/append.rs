//! Invalidations on their way into the shared log, and what they do to the frames of their keys.
//!
//! On one server one script does it all at once. In a cluster a frame and the log may be on different servers, so it takes
//! three steps: the key is closed, the record appended, the key opened again, each where it belongs. A key that cannot be
//! closed is remembered in the log, as groups are. The model in `tests/protocol` walks all of it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{Cmd, Value};

use super::Room;
use super::frames::in_whole;
use super::link::Lane;
use super::names::KeyNames;
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Cursor, Group, Position, Record};
use crate::key::Key;

/// The largest part of the log's numbers in Redis, which counts in floating point.
const NONCE: u64 = (1 << 52) - 1;
/// How long opening keys again may take: a key that stays closed is open when its fence ends.
const OPENING: Duration = Duration::from_millis(200);

/// What the log is told.
struct Entry {
    /// Keys that the script removes and fences, for they are on the log's own server.
    keys: Vec<Key>,
    texts: Vec<String>,
}

impl Room {
    /// Appends these to the shared log, after their keys were removed and fenced.
    pub(super) async fn append(&self, records: &[Record]) -> Result<()> {
        let groups: Vec<Group> = records.iter().map(|record| record.group.clone()).collect();
        let keys: Vec<Key> = groups.iter().filter_map(key_of).cloned().collect();
        let epoch = (self.epoch)();
        if self.cluster.is_none() {
            let texts = groups.iter().map(|group| self.text(group)).collect();
            return self.enter(epoch, &groups, Entry { keys, texts }).await.map(drop);
        }
        let token = self.chance.next();
        let closed = self.close(&keys, token).await?;
        let text = |group: &Group| match (group, self.text(group)) {
            (Group::Key(key), text) if !closed.contains(key) => remembered(text),
            (_, text) => text,
        };
        let texts = groups.iter().map(text).collect();
        let at = self.enter(epoch, &groups, Entry { keys: Vec::new(), texts }).await?;
        if tokio::time::timeout(OPENING, self.open(&closed, token, at)).await.is_err() {
            tracing::debug!("keys stay closed in Redis until their fences end");
        }
        Ok(())
    }

    /// Writes the entry, and tells the node of its place.
    async fn enter(&self, epoch: u64, groups: &[Group], entry: Entry) -> Result<Position> {
        let nonce = self.chance.next() & NONCE;
        let answer = match self.link.one(Lane::Write, &self.append_command(epoch, nonce, &entry)).await {
            Err(error) if matches!(error.context("code"), Some("OOM" | "NOPERM")) => {
                self.spoil(&entry.keys).await;
                return Err(error);
            }
            answer => answer?,
        };
        let number =
            number_of(&answer).ok_or_else(|| Error::new(ErrorKind::Tier, "Redis did not say where the record is"))?;
        self.memory.add(groups);
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).add(groups);
        let position = Position { epoch, number };
        (self.echo)(groups, Cursor { position, nonce });
        Ok(position)
    }

    fn append_command(&self, epoch: u64, nonce: u64, entry: &Entry) -> Cmd {
        let mut append = self.call(&self.scripts.append, 3 + 2 * entry.keys.len());
        append.arg(&self.names.meta).arg(&self.names.stream).arg(&self.names.groups);
        for key in &entry.keys {
            let KeyNames { value, fence, .. } = self.names.of(key);
            append.arg(value).arg(fence);
        }
        append.arg(epoch).arg(self.node).arg(nonce).arg(self.options.log_length).arg(self.options.remembered);
        append.arg(self.fence()).arg(self.whose()).arg(u8::from(self.rights.time.load(Ordering::Relaxed)));
        for text in &entry.texts {
            append.arg(text);
        }
        append
    }

    /// Closes keys to all loads under way, and removes their frames. Answers those that are closed now.
    async fn close(&self, keys: &[Key], token: u64) -> Result<Vec<Key>> {
        let mut commands = Vec::with_capacity(2 * keys.len());
        for key in keys {
            let KeyNames { value, fence, .. } = self.names.of(key);
            let mut close = redis::cmd("SET");
            close.arg(&fence).arg(format!("closed:{token}")).arg("PX").arg(self.fence());
            let mut unlink = redis::cmd("UNLINK");
            unlink.arg(&value);
            let slot = self.slot(&value);
            commands.extend([(slot, close), (slot, unlink)]);
        }
        let answers = self.each(Lane::Write, commands).await?;
        let closed = |pair: &[Result<Value>]| pair.iter().all(Result::is_ok);
        Ok(keys
            .iter()
            .zip(answers.chunks_exact(2))
            .filter(|(_, pair)| closed(pair))
            .map(|(key, _)| key.clone())
            .collect())
    }

    async fn open(&self, keys: &[Key], token: u64, at: Position) {
        let open = |key: &Key| {
            let KeyNames { value, fence, .. } = self.names.of(key);
            let mut open = self.call(&self.scripts.open, 2);
            open.arg(&value).arg(&fence).arg(token).arg(at.epoch).arg(at.number).arg(self.fence());
            (self.slot(&fence), open)
        };
        if let Err(error) = self.each(Lane::Write, keys.iter().map(open).collect()).await.and_then(in_whole) {
            tracing::debug!(kind = error.kind().word(), "keys stay closed in Redis until their fences end");
        }
    }

    /// Redis takes no record, but it still removes: without its epoch the log says to every node that it is not to be
    /// relied on. What could not be appended stays with the caller.
    async fn spoil(&self, keys: &[Key]) {
        let meta = self.link.one(Lane::Write, redis::cmd("UNLINK").arg(&self.names.meta)).await.map(drop);
        if let Err(error) = meta.and(self.remove(keys).await) {
            tracing::warn!(kind = error.kind().word(), "Redis takes neither records nor removals");
        }
    }

    pub(super) async fn remove(&self, keys: &[Key]) -> Result<()> {
        let names: Vec<String> = keys.iter().map(|key| self.names.value(key)).collect();
        in_whole(self.unlink(names.iter().map(String::as_str)).await?)
    }

    /// Removes what has these names, each by itself: in a cluster they are on several servers.
    pub(super) async fn unlink<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Vec<Result<Value>>> {
        let unlink = |name: &str| {
            let mut unlink = redis::cmd("UNLINK");
            unlink.arg(name);
            (self.slot(name), unlink)
        };
        self.each(Lane::Write, names.map(unlink).collect()).await
    }
}

/// The text of a key that the log is to remember as it does groups.
fn remembered(text: String) -> String {
    text.strip_prefix("k:").map(|key| format!("K:{key}")).unwrap_or(text)
}

fn key_of(group: &Group) -> Option<&Key> {
    match group {
        Group::Key(key) => Some(key),
        _ => None,
    }
}

pub(super) fn number_of(answer: &Value) -> Option<u64> {
    match answer {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::SimpleString(text) => text.parse().ok(),
        _ => None,
    }
}
