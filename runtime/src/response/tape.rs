//! A body that is recorded while its first reader has it already.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::refusal::Refusal;
use crate::join::{poll_once, unless};

/// What came of a body so far, between who records it and who reads it.
pub(super) struct Tape<B: Body> {
    state: Mutex<State<B>>,
    left: Notify,
}

struct State<B: Body> {
    pieces: Vec<Bytes>,
    bytes: usize,
    end: Option<End<B>>,
    waker: Option<Waker>,
    /// Has its reader gone away?
    is_left: bool,
}

/// How the recording ended.
enum End<B: Body> {
    Whole,
    /// The body failed; its reader is told once.
    Broken(Option<B::Error>),
    /// It is not recorded any longer: its reader goes on with what is left, of which this came already.
    Handed(Option<Frame<Bytes>>, Pin<Box<B>>),
}

/// What became of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    Whole(Bytes),
    /// It is too long, has trailers, or failed.
    Not(Refusal),
    /// It waits for more.
    Waiting,
}

impl Recorded {
    /// Why it cannot be kept, if that is known.
    pub(super) const fn refusal(&self) -> Option<Refusal> {
        if let Self::Not(why) = self { Some(*why) } else { None }
    }
}

/// Records a body.
pub(super) struct Recorder<B: Body> {
    tape: Arc<Tape<B>>,
    body: Option<Pin<Box<B>>>,
    most: usize,
    is_whole: bool,
}

/// Reads a body that is being recorded.
pub(super) struct Reader<B: Body> {
    tape: Arc<Tape<B>>,
    at: usize,
    rest: Option<Pin<Box<B>>>,
    is_over: bool,
}

impl<B: Body> Recorder<B> {
    pub(super) fn new(body: B, most: usize) -> Self {
        let state = State { pieces: Vec::new(), bytes: 0, end: None, waker: None, is_left: false };
        Self {
            tape: Arc::new(Tape { state: Mutex::new(state), left: Notify::new() }),
            body: Some(Box::pin(body)),
            most,
            is_whole: false,
        }
    }

    /// Its one reader.
    pub(super) fn reader(&self) -> Reader<B> {
        Reader { tape: Arc::clone(&self.tape), at: 0, rest: None, is_over: false }
    }

    /// Records what is there now.
    pub(super) async fn record_ready(&mut self) -> Recorded {
        poll_once(std::future::poll_fn(|cx| self.poll_record(cx))).await.unwrap_or(Recorded::Waiting)
    }

    /// Records all of it; when its reader has gone away, for so long. What is whole is not told to the reader before
    /// [`Recorder::finish`].
    pub(super) async fn record(&mut self, patience: Duration) -> Recorded {
        let tape = Arc::clone(&self.tape);
        let left = async move {
            tape.left.notified().await;
            tokio::time::sleep(patience).await;
        };
        unless(std::future::poll_fn(|cx| self.poll_record(cx)), left).await.unwrap_or(Recorded::Not(Refusal::Broken))
    }

    /// If all of it was recorded, the reader may hear of its end now. What was not, the reader goes on with.
    pub(super) fn finish(mut self) {
        if self.is_whole {
            self.body = None;
            self.tape.end(End::Whole);
        }
    }

    fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<Recorded> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(Recorded::Not(Refusal::Broken)) };
            let frame = match std::task::ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame.map_data(|mut data| data.copy_to_bytes(data.remaining())),
                Some(Err(error)) => {
                    self.body = None;
                    self.tape.end(End::Broken(Some(error)));
                    return Poll::Ready(Recorded::Not(Refusal::Broken));
                }
                None => {
                    self.is_whole = true;
                    return Poll::Ready(Recorded::Whole(self.tape.whole()));
                }
            };
            if let Some(frame) = self.tape.add(frame, self.most) {
                let why = if frame.is_data() { Refusal::TooLong } else { Refusal::Broken };
                if let Some(body) = self.body.take() {
                    self.tape.end(End::Handed(Some(frame), body));
                }
                return Poll::Ready(Recorded::Not(why));
            }
        }
    }
}

/// Also when who records is gone: a reader that waits for ever would be worse than one that is told.
impl<B: Body> Drop for Recorder<B> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            self.tape.end(End::Handed(None, body));
        }
    }
}

impl<B: Body> Tape<B> {
    /// Takes a piece, or gives back what cannot be recorded.
    fn add(&self, frame: Frame<Bytes>, most: usize) -> Option<Frame<Bytes>> {
        let mut state = self.state.lock();
        let piece = match frame.into_data() {
            Ok(piece) if state.bytes.saturating_add(piece.len()) <= most => piece,
            Ok(piece) => return Some(Frame::data(piece)),
            Err(trailers) => return Some(trailers),
        };
        if !piece.is_empty() {
            state.bytes += piece.len();
            state.pieces.push(piece);
            wake(state.waker.take());
        }
        None
    }

    /// The first end counts.
    fn end(&self, end: End<B>) {
        let mut state = self.state.lock();
        if state.end.is_none() {
            // What is left is dropped here if nobody will read it: who sends it is told to stop.
            state.end = Some(end).filter(|_| !state.is_left);
            wake(state.waker.take());
        }
    }

    fn whole(&self) -> Bytes {
        let state = self.state.lock();
        match state.pieces.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            pieces => {
                let mut whole = BytesMut::with_capacity(state.bytes);
                pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                whole.freeze()
            }
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<B: Body> Reader<B> {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Some(rest) = &mut self.rest {
            let frame = std::task::ready!(rest.as_mut().poll_frame(cx));
            self.is_over = frame.is_none();
            let whole = |frame: Frame<B::Data>| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
            return Poll::Ready(frame.map(|frame| frame.map(whole)));
        }
        let mut state = self.tape.state.lock();
        if let Some(piece) = state.pieces.get(self.at) {
            self.at += 1;
            return Poll::Ready(Some(Ok(Frame::data(piece.clone()))));
        }
        match state.end.take() {
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(End::Handed(frame, rest)) => {
                drop(state);
                self.rest = Some(rest);
                match frame {
                    Some(frame) => Poll::Ready(Some(Ok(frame))),
                    None => self.poll_frame(cx),
                }
            }
            Some(End::Whole) => {
                self.is_over = true;
                Poll::Ready(None)
            }
            Some(End::Broken(error)) => {
                self.is_over = true;
                Poll::Ready(error.map(Err))
            }
        }
    }
}

/// What is left of a body that nobody reads is not read for them.
impl<B: Body> Drop for Reader<B> {
    fn drop(&mut self) {
        let mut state = self.tape.state.lock();
        state.is_left = true;
        drop(state.end.take());
        drop(state);
        self.tape.left.notify_one();
    }
}
