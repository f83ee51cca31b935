//! The shared log in Redis: a stream to follow, and the last place of each group.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};

use super::link::Lane;
use super::target::unfit;
use super::{Redis, Room};
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Cursor, Group, Position};
use crate::tier::Reply;
use crate::tier::shared::{Heard, Met, News, SharedLog};

/// How long after one has invalidated something one says it again to a log that has lost records.
const LATELY: Duration = Duration::from_secs(30);
/// How many of those are kept one by one.
const MOST: usize = 10_000;
/// How many groups are asked for at once.
const CHUNK: usize = 4_096;
/// How many entries of the stream are asked for at once, where the network is quick.
pub(super) const ENTRIES: usize = 512;
/// So many calls in a row that were given up are a reason to look at the connections.
const LATE: u32 = 3;
/// How much longer than it was to wait a read of the log may take.
const GRACE: Duration = Duration::from_millis(300);
/// How long a look at the log may take.
const LOOK: Duration = Duration::from_millis(800);

/// What this node invalidated lately.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// In their order. What was invalidated again stands here again, and counts where it stands last.
    lately: VecDeque<(Instant, Group)>,
    /// Each of them, and when it was invalidated last: what is said again would else be remembered once more each time,
    /// and a log that is lost several times in a row be told twice as much with each.
    last: HashMap<Group, Instant>,
    /// When more than can be kept one by one was invalidated.
    beyond: Option<Instant>,
}

impl Memory {
    pub(super) fn add(&mut self, groups: &[Group]) {
        let now = Instant::now();
        for group in groups {
            if self.last.insert(group.clone(), now) != Some(now) {
                self.lately.push_back((now, group.clone()));
            }
        }
        while self.lately.front().is_some_and(|(at, _)| now - *at > LATELY) {
            self.forget_first();
        }
        while self.last.len() > MOST {
            self.beyond = self.forget_first().or(self.beyond);
        }
        if self.lately.len() > 2 * MOST {
            self.lately.retain(|(at, group)| self.last.get(group) == Some(at));
        }
    }

    /// When the first was invalidated, if not again since.
    fn forget_first(&mut self) -> Option<Instant> {
        let (at, group) = self.lately.pop_front()?;
        if self.last.get(&group) != Some(&at) {
            return None;
        }
        self.last.remove(&group)
    }

    fn groups(&self) -> Vec<Group> {
        if self.beyond.is_some_and(|at| at.elapsed() <= LATELY) {
            return vec![Group::Everything];
        }
        let young = self.last.iter().filter(|(_, at)| at.elapsed() <= LATELY);
        young.map(|(group, _)| group.clone()).collect()
    }
}

/// How far the log was at times past: loads that began before do not store what they made if it is too long ago.
#[derive(Debug, Default)]
pub(super) struct Ages(VecDeque<(Instant, Position)>);

impl Ages {
    fn note(&mut self, top: Position, keep: Duration) {
        let now = Instant::now();
        self.0.push_back((now, top));
        // One that is old enough stays in front.
        while self.0.get(1).is_some_and(|(at, _)| now - *at > keep) {
            self.0.pop_front();
        }
    }

    /// Where the log was so long ago, if that is known.
    pub(super) fn before(&self, age: Duration) -> Option<Position> {
        let now = Instant::now();
        self.0.iter().rev().find(|(at, _)| now - *at > age).map(|(_, position)| *position)
    }
}

impl Room {
    async fn look(&self, command: &Cmd, limit: Duration) -> Result<Value> {
        let answer = tokio::time::timeout(limit, self.link.one(Lane::Log, command)).await;
        answer.map_err(|_| Error::new(ErrorKind::Deadline, "Redis did not show the log in time"))?
    }

    async fn meet(&self, known: Cursor, read: Cursor) -> Result<Met> {
        let mut meet = self.call(&self.scripts.meet, 3);
        meet.arg(&self.names.meta).arg(&self.names.stream).arg(&self.names.groups);
        meet.arg(self.chance.next() | 1).arg(id(known)).arg(id(read));
        let answer = self.look(&meet, LOOK).await?;
        let met = read_met(&answer).ok_or_else(strange)?;
        self.ages.lock().unwrap_or_else(PoisonError::into_inner).note(met.top.position, self.options.fence / 2);
        Ok(met)
    }

    async fn groups(&self) -> Result<Vec<(Group, u64)>> {
        let folded = self.look(redis::cmd("HGETALL").arg(&self.names.meta), LOOK).await?;
        let mut groups = read_folded(&folded).ok_or_else(strange)?;
        let mut from = "-inf".to_owned();
        loop {
            let mut range = redis::cmd("ZRANGEBYSCORE");
            range.arg(&self.names.groups).arg(&from).arg("+inf").arg("WITHSCORES").arg("LIMIT").arg(0).arg(CHUNK);
            let chunk = read_scores(&self.look(&range, 2 * LOOK).await?).ok_or_else(strange)?;
            let (last, full) = (chunk.last().map(|(_, number)| *number), chunk.len() == CHUNK);
            groups.extend(chunk.into_iter().filter_map(|(text, number)| Some((Group::from_text(&text).ok()?, number))));
            match last {
                // The first of the next chunk may be known already: entries of one number may be on both sides.
                Some(last) if full => from = last.to_string(),
                _ => return Ok(groups),
            }
        }
    }

    async fn read(&self, after: Cursor, wait: Duration) -> Result<News> {
        let mut read = redis::cmd("XREAD");
        let most = self.entries.load(Ordering::Relaxed).clamp(1, ENTRIES);
        read.arg("COUNT").arg(most);
        if !wait.is_zero() {
            read.arg("BLOCK").arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        let from = if after.position.number == 0 { "0-0".to_owned() } else { id(after) };
        read.arg("STREAMS").arg(&self.names.stream).arg(from);
        let answer = self.look(&read, wait + GRACE).await;
        // Over a narrow network many at once would never come in time.
        let next = if answer.is_ok() { most * 2 } else { most / 8 };
        self.entries.store(next.clamp(1, ENTRIES), Ordering::Relaxed);
        let answer = answer?;
        let heard = read_heard(&answer, after.position.epoch, self.node).ok_or_else(strange)?;
        Ok(News { complete: heard.len() < most, heard })
    }
}

impl SharedLog for Redis {
    fn connect(&self) -> Reply<'_, ()> {
        Box::pin(self.0.link.connect())
    }

    fn meet(&self, known: Cursor, read: Cursor) -> Reply<'_, Met> {
        Box::pin(self.0.meet(known, read))
    }

    fn renew(&self, epoch: u64) -> Reply<'_, ()> {
        Box::pin(async move {
            let room = &*self.0;
            let mut renew = room.call(&room.scripts.renew, 3);
            renew.arg(&room.names.meta).arg(&room.names.stream).arg(&room.names.groups);
            renew.arg(epoch).arg(room.chance.next() | 1);
            room.look(&renew, LOOK).await.map(drop)
        })
    }

    fn groups(&self) -> Reply<'_, Vec<(Group, u64)>> {
        Box::pin(self.0.groups())
    }

    fn read(&self, after: Cursor, wait: Duration) -> Reply<'_, News> {
        Box::pin(self.0.read(after, wait))
    }

    fn is_late(&self) -> bool {
        self.0.link.late() >= LATE
    }

    fn check(&self) -> Reply<'_, ()> {
        Box::pin(self.0.link.check())
    }

    fn admit(&self, admit: bool) {
        self.0.link.admit(admit);
    }

    fn remembered(&self) -> Vec<Group> {
        memory(&self.0.memory).groups()
    }
}

pub(super) fn memory(memory: &Mutex<Memory>) -> std::sync::MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

fn strange() -> Error {
    unfit("the shared log has an unknown form").with("code", "OTHER")
}

/// A place as an id of the stream; nothing for the beginning.
fn id(cursor: Cursor) -> String {
    if cursor.position.number == 0 { String::new() } else { format!("{}-{}", cursor.position.number, cursor.nonce) }
}

fn read_id(text: &str, epoch: u64) -> Option<Cursor> {
    let (number, nonce) = text.split_once('-')?;
    let position = Position { epoch, number: number.parse().ok()? };
    Some(Cursor { position, nonce: nonce.parse().ok()? })
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

fn items(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

fn read_met(answer: &Value) -> Option<Met> {
    let [epoch, number, last, known, read] = items(answer)? else { return None };
    let epoch: u64 = text(epoch)?.parse().ok()?;
    let number = text(number)?.parse().ok()?;
    let position = Position { epoch, number };
    let top = match text(last)? {
        "" => Cursor { position, nonce: 0 },
        last => read_id(last, epoch)?,
    };
    let (is_there, was_trimmed) = (|of: &Value| matches!(of, Value::Int(1)), |of: &Value| matches!(of, Value::Int(2)));
    // A record that was trimmed was not lost: this node is late, and that is no matter of the others.
    Some(Met { top, holds_known: is_there(known) || was_trimmed(known), holds_read: is_there(read) })
}

fn read_folded(answer: &Value) -> Option<Vec<(Group, u64)>> {
    let pairs: Vec<(&Value, &Value)> = match answer {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (name, value)).collect(),
        _ => items(answer)?.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect(),
    };
    let folded = |(name, number): (&Value, &Value)| {
        let group = Group::from_text(text(name)?.strip_prefix('f')?).ok()?;
        Some((group, text(number)?.parse().ok()?))
    };
    Some(pairs.into_iter().filter_map(folded).collect())
}

/// A score that is no place in the log was not written by us; with its member, which names no group, it is passed over.
fn read_scores(answer: &Value) -> Option<Vec<(String, u64)>> {
    let place = |score: &str| score.parse().ok().or_else(|| Some(score.parse::<f64>().ok()?.ceil() as u64));
    let pair = |pair: &[Value]| Some((text(&pair[0])?.to_owned(), place(text(&pair[1])?)?));
    items(answer)?.chunks_exact(2).map(pair).collect()
}

/// `[[stream, [[id, [by, node, g, group, ..]], ..]]]`, or nil.
fn read_heard(answer: &Value, epoch: u64, node: u64) -> Option<Vec<Heard>> {
    if matches!(answer, Value::Nil) {
        return Some(Vec::new());
    }
    let [stream] = items(answer)? else { return None };
    let [_, entries] = items(stream)? else { return None };
    items(entries)?.iter().map(|entry| read_entry(entry, epoch, node)).collect()
}

/// An entry that we cannot read may name anything.
fn read_entry(entry: &Value, epoch: u64, node: u64) -> Option<Heard> {
    let [id, fields] = items(entry)? else { return None };
    let mut heard = Heard { at: read_id(text(id)?, epoch)?, own: false, groups: Vec::new() };
    for pair in items(fields)?.chunks_exact(2) {
        match (text(&pair[0]), text(&pair[1])) {
            (Some("by"), Some(by)) => heard.own = by.parse() == Ok(node),
            (Some("g"), Some(group)) => heard.groups.push(Group::from_text(group).unwrap_or(Group::Everything)),
            _ => heard.groups.push(Group::Everything),
        }
    }
    Some(heard)
}

/// How many readers of this file make something of an answer.
#[cfg(feature = "testing")]
pub(super) fn understood(answer: &Value) -> usize {
    let met = read_met(answer);
    if let Some(met) = &met
        && met.top.position.number != 0
    {
        assert_eq!(read_id(&id(met.top), met.top.position.epoch), Some(met.top), "a place that was read is written so");
    }
    let read = [
        met.is_some(),
        read_folded(answer).is_some(),
        read_scores(answer).is_some(),
        read_heard(answer, 1, 2).is_some(),
        read_entry(answer, 1, 2).is_some(),
    ];
    read.into_iter().filter(|read| *read).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(n: usize) -> Group {
        Group::Tag(n.to_string().into())
    }

    #[test]
    fn what_is_said_again_is_remembered_once() {
        let mut memory = Memory::default();
        memory.add(&[tag(1), tag(2), tag(1)]);
        for _ in 0..10 {
            let again = memory.groups();
            memory.add(&again);
        }
        assert_eq!(memory.groups().len(), 2);
        for _ in 0..3 * MOST {
            memory.add(&[tag(1)]);
        }
        assert!(memory.lately.len() <= 2 * MOST && memory.groups().len() == 2);
    }

    #[test]
    fn more_than_can_be_remembered_is_everything() {
        let mut memory = Memory::default();
        let all: Vec<Group> = (0..MOST).map(tag).collect();
        memory.add(&all);
        assert_eq!(memory.groups().len(), MOST);
        memory.add(&[tag(MOST)]);
        assert_eq!(memory.groups(), [Group::Everything]);
        assert_eq!((memory.last.len(), memory.lately.len()), (MOST, MOST));
    }
}
