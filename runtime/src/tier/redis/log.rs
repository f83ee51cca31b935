//! The shared log in Redis: a stream to follow, and the last place of each group.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value};

use super::entry::Entry;
#[cfg(feature = "testing")]
use super::entry::{read_folded, read_heard};
use super::failure::accepted;
use super::link::Lane;
use super::target::unfit;
use super::{Redis, Room};
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Cursor, Group, Position};
use crate::ticker;
use crate::tier::Reply;
use crate::tier::shared::{Heard, Met, News, SharedLog};

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

impl Room {
    async fn look(&self, command: &Cmd, limit: Duration) -> Result<Value> {
        let answer = tokio::time::timeout(limit, self.link.one(Lane::Log, command)).await;
        answer.map_err(|_| late())?
    }

    async fn meet(&self, known: Cursor, read: Cursor) -> Result<Met> {
        let mut meet = self.call(&self.scripts.meet, 3);
        meet.arg(&self.names.meta).arg(&self.names.stream).arg(&self.names.groups);
        meet.arg(self.chance.next() | 1).arg(id(known)).arg(id(read)).arg(self.server());
        let answer = self.look(&meet, LOOK).await?;
        let met = read_met(&answer).ok_or_else(strange)?;
        self.ages.lock().unwrap_or_else(PoisonError::into_inner).note(ticker::exact(), met.top.position);
        self.lags.looked(&met, read);
        Ok(met)
    }

    /// The start of the server that the log's epoch ends with, in a cluster: alone, a server loses frames and log
    /// together, and the log's own places tell.
    fn server(&self) -> String {
        self.cluster.as_ref().and_then(|_| self.link.run()).unwrap_or_default()
    }

    async fn groups(&self) -> Result<Vec<(Group, u64)>> {
        let mut groups = self.remembered().await?;
        // Afterwards: what has become coarser meanwhile is there.
        let folded = self.look(redis::cmd("HGETALL").arg(&self.names.meta), LOOK).await?;
        groups.extend(self.folded(&folded).ok_or_else(strange)?);
        Ok(groups)
    }

    /// The groups that are remembered one by one.
    async fn remembered(&self) -> Result<Vec<(Group, u64)>> {
        let (mut groups, mut from) = (Vec::new(), "-inf".to_owned());
        loop {
            let mut range = redis::cmd("ZRANGEBYSCORE");
            range.arg(&self.names.groups).arg(&from).arg("+inf").arg("WITHSCORES").arg("LIMIT").arg(0).arg(CHUNK);
            let chunk = read_scores(&self.look(&range, 2 * LOOK).await?).ok_or_else(strange)?;
            let (last, full) = (chunk.last().map(|(_, number)| *number), chunk.len() == CHUNK);
            groups.extend(chunk.into_iter().map(|(text, number)| (self.group(&text), number)));
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
        let (answer, now) = self.look_with_time(read, wait + GRACE).await;
        // Over a narrow network many at once would never come in time.
        let next = if answer.is_ok() { most * 2 } else { most / 8 };
        self.entries.store(next.clamp(1, ENTRIES), Ordering::Relaxed);
        let answer = answer?;
        let entries = self.heard(&answer, after.position.epoch).ok_or_else(strange)?;
        self.measure(now, &entries);
        let heard: Vec<Heard> = entries.into_iter().map(|entry| entry.heard).collect();
        Ok(News { complete: heard.len() < most, heard, moved: false })
    }

    /// One question to the log, and what time it was at the server when it was asked, if we may know.
    async fn look_with_time(&self, command: Cmd, limit: Duration) -> (Result<Value>, Option<u64>) {
        if self.rights.no_time.load(Ordering::Relaxed) {
            return (self.look(&command, limit).await, None);
        }
        let mut asking = Pipeline::with_capacity(2);
        asking.cmd("TIME").add_command(command);
        let answers = match tokio::time::timeout(limit, self.link.many(Lane::Log, &asking)).await {
            Ok(answers) => answers,
            Err(_) => Err(late()),
        };
        let answers: Result<[Value; 2]> = answers.and_then(|answers| answers.try_into().map_err(|_| strange()));
        let told = answers.and_then(|[time, answer]| Ok((self.time_of(time)?, answer)));
        match told {
            Ok((time, answer)) => (accepted(answer), time),
            Err(error) => (Err(error), None),
        }
    }

    /// What an answer to `TIME` says. If it is none, answers have come to those who did not ask.
    fn time_of(&self, answer: Value) -> Result<Option<u64>> {
        match accepted(answer) {
            Ok(answer) => {
                let time = read_time(&answer).ok_or_else(strange)?;
                self.rights.time.store(true, Ordering::Relaxed);
                Ok(Some(time))
            }
            Err(error) if error.context("code") == Some("NOPERM") => {
                self.rights.no_time.store(true, Ordering::Relaxed);
                self.rights.time.store(false, Ordering::Relaxed);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What was read before is applied by now; what was read now will be when the log is read again.
    fn measure(&self, now: Option<u64>, entries: &[Entry]) {
        let mut applying = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = now {
            let at = self.clock.now();
            applying.iter().for_each(|said| self.lags.note(Duration::from_micros(now.saturating_sub(*said)), at));
        }
        applying.clear();
        if self.caught_up.load(Ordering::Acquire) {
            applying.extend(entries.iter().filter(|entry| !entry.heard.own).filter_map(|entry| entry.said));
        }
    }
}

impl SharedLog for Redis {
    fn connect(&self) -> Reply<'_, ()> {
        Box::pin(self.0.connect())
    }

    fn meet(&self, known: Cursor, read: Cursor) -> Reply<'_, Met> {
        Box::pin(self.0.meet(known, read))
    }

    fn renew(&self, epoch: u64) -> Reply<'_, ()> {
        Box::pin(async move {
            let room = &*self.0;
            let mut renew = room.call(&room.scripts.renew, 3);
            renew.arg(&room.names.meta).arg(&room.names.stream).arg(&room.names.groups);
            renew.arg(epoch).arg(room.chance.next() | 1).arg(room.server());
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
        self.0.link.late() >= LATE || self.0.cluster.as_ref().is_some_and(|cluster| cluster.is_late())
    }

    fn check(&self) -> Reply<'_, bool> {
        Box::pin(self.0.check())
    }

    fn admit(&self, admit: bool) {
        self.0.admit(admit);
    }

    fn remembered(&self) -> Vec<Group> {
        self.0.memory.groups()
    }
}

fn late() -> Error {
    Error::new(ErrorKind::Deadline, "Redis did not show the log in time")
}

/// The answer to `TIME`, in microseconds.
fn read_time(answer: &Value) -> Option<u64> {
    let [seconds, micros] = items(answer)? else { return None };
    let (seconds, micros): (u64, u64) = (text(seconds)?.parse().ok()?, text(micros)?.parse().ok()?);
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

fn strange() -> Error {
    unfit("the shared log has an unknown form").with("code", "OTHER")
}

/// A place as an id of the stream; nothing for the beginning.
fn id(cursor: Cursor) -> String {
    if cursor.position.number == 0 { String::new() } else { format!("{}-{}", cursor.position.number, cursor.nonce) }
}

pub(super) fn read_id(text: &str, epoch: u64) -> Option<Cursor> {
    let (number, nonce) = text.split_once('-')?;
    let position = Position { epoch, number: number.parse().ok()? };
    Some(Cursor { position, nonce: nonce.parse().ok()? })
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

pub(super) fn items(value: &Value) -> Option<&[Value]> {
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

/// A score that is no place in the log was not written by us; with its member, which names no group, it is passed over.
fn read_scores(answer: &Value) -> Option<Vec<(String, u64)>> {
    let place = |score: &str| score.parse().ok().or_else(|| Some(score.parse::<f64>().ok()?.ceil() as u64));
    let pair = |pair: &[Value]| Some((text(&pair[0])?.to_owned(), place(text(&pair[1])?)?));
    items(answer)?.chunks_exact(2).map(pair).collect()
}

/// How many readers make something of an answer.
#[cfg(feature = "testing")]
pub(super) fn understood(answer: &Value) -> usize {
    let met = read_met(answer);
    if let Some(met) = &met
        && met.top.position.number != 0
    {
        assert_eq!(read_id(&id(met.top), met.top.position.epoch), Some(met.top), "a place that was read is written so");
    }
    let group = |text: &str| Group::from_text(text).unwrap_or(Group::Everything);
    let read = [
        met.is_some(),
        read_folded(answer, "-", group).is_some(),
        read_scores(answer).is_some(),
        read_heard(answer, (1, 2), group).is_some(),
        read_time(answer).is_some(),
    ];
    read.into_iter().filter(|read| *read).count()
}
