//! Frames in Redis: found by a bounded read, stored by a script that may refuse them.

use std::sync::PoisonError;

use bytes::Bytes;
use redis::{Cmd, Value};

use super::Room;
use super::link::Lane;
use super::names::KeyNames;
use crate::clock::{CENTURY, Millis};
use crate::codec::Frame;
use crate::error::{ErrorKind, Result};
use crate::key::Key;
use crate::ticker;

/// How many keys are asked for in one round trip.
const CHUNK: usize = 256;
/// So long Redis keeps a frame at most: a life, and as long again for what may be served past it.
const LONGEST: Millis = 2 * CENTURY.as_millis() as Millis;
/// Room for what stands in a read besides the name.
const NUMBERS: usize = 32;

impl Room {
    fn get_command(&self, name: &str) -> Cmd {
        let mut get = Cmd::with_capacity(4, name.len() + NUMBERS);
        // One byte more than allowed tells that there is too much.
        get.arg("GETRANGE").arg(name).arg(0).arg(self.options.max_frame);
        get
    }

    pub(super) async fn get_one(&self, key: &Key) -> Result<Vec<Option<Bytes>>> {
        let name = self.names.value(key);
        let answer = self.one(Lane::Read, &name, &self.get_command(&name)).await;
        Ok(vec![self.found(answer)?])
    }

    pub(super) async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>> {
        let mut found = Vec::with_capacity(keys.len());
        let mut away = None;
        for chunk in keys.chunks(CHUNK) {
            let names = chunk.iter().map(|key| self.names.value(key));
            let gets = names.map(|name| (self.slot(&name), self.get_command(&name))).collect();
            for answer in self.each(Lane::Read, gets).await? {
                found.push(match self.found(answer) {
                    Err(error) if error.kind() == ErrorKind::Partial => {
                        away = Some(error);
                        None
                    }
                    answer => answer?,
                });
            }
        }
        // What the others have is told; where nobody has anything, why.
        match away {
            Some(error) if found.iter().all(Option::is_none) => Err(error),
            _ => Ok(found),
        }
    }

    fn found(&self, answer: Result<Value>) -> Result<Option<Bytes>> {
        match answer {
            Err(error) if error.context("code") == Some("WRONGTYPE") => Ok(Some(Bytes::new())),
            answer => answer.map(|value| self.frame_of(value)),
        }
    }

    /// What is no frame, because it is too large or of another type, is handed on as bytes that nobody can read: the
    /// shelf above counts it and has it removed.
    fn frame_of(&self, value: Value) -> Option<Bytes> {
        match value {
            Value::BulkString(bytes) if bytes.is_empty() => None,
            Value::BulkString(bytes) if bytes.len() > self.options.max_frame => Some(Bytes::new()),
            Value::BulkString(bytes) => self.plain(bytes.into()),
            _ => None,
        }
    }

    /// The bytes of a frame as they were before its names were hidden.
    fn plain(&self, stored: Bytes) -> Option<Bytes> {
        match &self.veil {
            Some(veil) => veil.unwrapped(stored),
            None => Some(stored),
        }
    }

    /// Answers the places of those that are not stored.
    pub(super) async fn put(&self, frames: &[Frame]) -> Result<Vec<usize>> {
        let young = self.ages.lock().unwrap_or_else(PoisonError::into_inner).young(ticker::exact());
        let now = self.clock.now();
        let (mut puts, mut places, mut left_out) = (Vec::with_capacity(frames.len()), Vec::new(), Vec::new());
        for (place, frame) in frames.iter().enumerate() {
            let head = frame.head();
            // What a frame of an older version says may be more than Redis can count.
            let life = head.stale_until.saturating_sub(now).min(LONGEST);
            // A load that took longer than fences surely stand may have missed one.
            if !young.includes(head.shared) || life == 0 {
                left_out.push(place);
                continue;
            }
            let hidden = self.veil.as_ref().map(|veil| veil.wrap(frame)).transpose()?;
            let bytes = hidden.as_ref().unwrap_or(frame).bytes();
            if bytes.len() > self.options.max_frame {
                left_out.push(place);
                continue;
            }
            places.push(place);
            puts.push(self.put_command(frame, bytes, life));
        }
        let answers = self.each(Lane::Write, puts).await?;
        let refused = places.into_iter().zip(&answers).filter(|(_, answer)| !matches!(answer, Ok(Value::Int(1))));
        left_out.extend(refused.map(|(place, _)| place));
        in_whole(answers)?;
        // What was stored under a lease gave it back.
        frames.iter().for_each(|frame| self.held.forget(frame.key()));
        Ok(left_out)
    }

    /// Stores these bytes for the frame.
    fn put_command(&self, frame: &Frame, bytes: &[u8], life: u64) -> (u16, Cmd) {
        let (head, KeyNames { value, fence, lease }) = (frame.head(), self.names.of(frame.key()));
        let mut put = self.call(&self.scripts.put, 3);
        put.arg(&value).arg(fence).arg(lease);
        put.arg(bytes).arg(life).arg(head.shared.epoch).arg(head.shared.number).arg(self.fence());
        match self.held.token(frame.key()) {
            Some(token) => put.arg(token),
            None => put.arg(""),
        };
        (self.slot(&value), put)
    }
}

/// None of these may have failed, except with a part of the cluster that is away: a frame that it does not take is loaded
/// again when it is asked for.
pub(super) fn in_whole(answers: Vec<Result<Value>>) -> Result<()> {
    let failed = answers.into_iter().filter_map(Result::err).find(|error| error.kind() != ErrorKind::Partial);
    failed.map_or(Ok(()), Err)
}
