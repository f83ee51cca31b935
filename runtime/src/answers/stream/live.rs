//! One stream under way: what has come so far, who reads it, and who waits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::replay::Recording;
use crate::log::Birth;

/// A stream under way.
///
/// While it may become a recording it holds all chunks, and who joins reads from the first. Once it is too long for that
/// it is a window that moves with the slowest reader.
pub(super) struct Live<C, E> {
    state: Mutex<State<C, E>>,
    /// Told when a reader has read on or gone.
    moved: Notify,
    birth: Birth,
    /// Bytes that are held at most; a single chunk may be larger.
    most: usize,
    finish: bool,
}

struct State<C, E> {
    chunks: VecDeque<Heard<C>>,
    /// How many chunks were let go.
    gone: u64,
    bytes: usize,
    /// Is everything here from the first chunk on?
    whole: bool,
    end: Option<End<E>>,
    readers: HashMap<u64, Place>,
    next_reader: u64,
}

/// One chunk, as it came.
struct Heard<C> {
    chunk: C,
    bytes: usize,
    /// Milliseconds after the stream began.
    after: u32,
}

/// How far a reader is.
struct Place {
    at: u64,
    waker: Option<Waker>,
}

enum End<E> {
    Well,
    Failed(Arc<E>),
    /// Whoever read it panicked, or went away with its runtime.
    Broken,
    /// Nobody listened any more.
    Abandoned,
}

/// One who listens.
pub(super) struct Reader<C, E> {
    live: Arc<Live<C, E>>,
    id: u64,
    over: bool,
}

/// Whoever reads the source, or is to, holds this: if he panics, or goes away with his runtime, all who listen are told.
pub(super) struct Ending<C, E>(Option<Arc<Live<C, E>>>);

impl<C, E> Ending<C, E> {
    pub(super) fn of(live: &Arc<Live<C, E>>) -> Self {
        Self(Some(Arc::clone(live)))
    }

    /// All went well, or somebody else sees to it.
    pub(super) fn let_be(mut self) {
        self.0 = None;
    }
}

impl<C, E> Drop for Ending<C, E> {
    fn drop(&mut self) {
        if let Some(live) = self.0.take() {
            // The first end counts: after a good one this does nothing.
            live.end(End::Broken);
        }
    }
}

impl<C, E> Live<C, E> {
    /// A stream that is to be recorded. If it is to be finished, it goes on without readers.
    pub(super) fn recording(birth: Birth, most: usize, finish: bool) -> Self {
        Self::new(birth, most, finish, true)
    }

    /// A stream for one reader alone.
    pub(super) fn passing(birth: Birth, most: usize) -> Self {
        Self::new(birth, most, false, false)
    }

    fn new(birth: Birth, most: usize, finish: bool, whole: bool) -> Self {
        let (chunks, readers) = (VecDeque::new(), HashMap::new());
        let state = State { chunks, gone: 0, bytes: 0, whole, end: None, readers, next_reader: 0 };
        Self { state: Mutex::new(state), moved: Notify::new(), birth, most, finish }
    }

    /// What was known of the log before it was opened.
    pub(super) fn birth(&self) -> &Birth {
        &self.birth
    }

    /// One more reader, from the first chunk on; none if that is gone, or if the stream is of no use.
    pub(super) fn join(self: &Arc<Self>) -> Option<Reader<C, E>> {
        let mut state = self.state.lock();
        let joinable = state.whole && matches!(state.end, None | Some(End::Well));
        joinable.then(|| self.read_from_first(&mut state))
    }

    /// The first reader of a stream.
    pub(super) fn reader(self: &Arc<Self>) -> Reader<C, E> {
        self.read_from_first(&mut self.state.lock())
    }

    fn read_from_first(self: &Arc<Self>, state: &mut State<C, E>) -> Reader<C, E> {
        let id = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(id, Place { at: state.gone, waker: None });
        Reader { live: Arc::clone(self), id, over: false }
    }

    /// One more chunk.
    pub(super) fn push(&self, chunk: C, bytes: usize, after: u32) {
        let mut state = self.state.lock();
        state.bytes = state.bytes.saturating_add(bytes);
        state.chunks.push_back(Heard { chunk, bytes, after });
        state.whole &= state.bytes <= self.most;
        let gone = state.let_go();
        wake(state);
        drop(gone);
    }

    /// May it still become a recording?
    pub(super) fn is_whole(&self) -> bool {
        self.state.lock().whole
    }

    /// Waits until there is room for more. A recording has room: what it holds stays anyway.
    pub(super) async fn room(&self) {
        self.until(|state| state.whole || state.bytes <= self.most || state.readers.is_empty()).await;
    }

    /// Waits until nobody listens; for ever, if the stream is to be finished.
    pub(super) async fn left(&self) {
        self.until(|state| state.readers.is_empty() && !(self.finish && state.whole)).await;
    }

    async fn until(&self, is: impl Fn(&State<C, E>) -> bool) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            // Listens before it looks: a move between the two is heard.
            moved.as_mut().enable();
            if is(&self.state.lock()) {
                return;
            }
            moved.await;
        }
    }

    /// Nobody listens any more: ends it, unless somebody does after all.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.state.lock();
        if !state.readers.is_empty() {
            return false;
        }
        state.end.get_or_insert(End::Abandoned);
        true
    }

    /// It ended well, by itself.
    pub(super) fn end_well(&self) {
        self.end(End::Well);
    }

    /// Its source failed, with this error or for want of one.
    pub(super) fn end_failed(&self, error: Option<Arc<E>>) {
        self.end(error.map_or(End::Broken, End::Failed));
    }

    /// The first end counts.
    fn end(&self, end: End<E>) {
        let mut state = self.state.lock();
        state.end.get_or_insert(end);
        wake(state);
    }
}

impl<C: Clone, E> Live<C, E> {
    /// It was recorded elsewhere: all who listen hear that. Does nothing if it has ended by itself.
    pub(super) fn end_with(&self, recording: &Recording<C>) {
        let mut state = self.state.lock();
        if state.end.is_none() {
            let heard = |(chunk, after): (&C, u32)| Heard { chunk: chunk.clone(), bytes: 0, after };
            state.chunks = recording.chunks().map(heard).collect();
            state.gone = 0;
            state.end = Some(End::Well);
        }
        wake(state);
    }

    /// All that came, if it is all here.
    pub(super) fn recorded(&self) -> Option<Recording<C>> {
        let state = self.state.lock();
        state.whole.then(|| state.chunks.iter().map(|heard| (heard.chunk.clone(), heard.after)).collect())
    }
}

/// Wakes all who read, once the lock is gone.
fn wake<C, E>(mut state: MutexGuard<'_, State<C, E>>) {
    let wakers: Vec<Waker> = state.readers.values_mut().filter_map(|place| place.waker.take()).collect();
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

impl<C, E> State<C, E> {
    /// Lets go what all have read, if it is not to be recorded; to be dropped without the lock.
    fn let_go(&mut self) -> Vec<Heard<C>> {
        if self.whole {
            return Vec::new();
        }
        let end = self.gone + self.chunks.len() as u64;
        let read = self.readers.values().map(|place| place.at).min().unwrap_or(end);
        let many = usize::try_from(read - self.gone).unwrap_or(usize::MAX).min(self.chunks.len());
        let gone: Vec<_> = self.chunks.drain(..many).collect();
        self.gone = read;
        self.bytes -= gone.iter().map(|heard| heard.bytes).sum::<usize>();
        gone
    }
}

impl<C: Clone, E> Reader<C, E> {
    /// The next chunk.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<C, Arc<E>>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let mut guard = self.live.state.lock();
        let state = &mut *guard;
        let Some(place) = state.readers.get_mut(&self.id) else { return Poll::Ready(None) };
        let at = usize::try_from(place.at - state.gone).unwrap_or(usize::MAX);
        if let Some(heard) = state.chunks.get(at) {
            let chunk = heard.chunk.clone();
            place.at += 1;
            let gone = state.let_go();
            drop(guard);
            self.live.moved.notify_waiters();
            drop(gone);
            return Poll::Ready(Some(Ok(chunk)));
        }
        let told = match &state.end {
            None => {
                place.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Some(End::Well | End::Abandoned) => None,
            Some(End::Failed(error)) => Some(Err(Arc::clone(error))),
            Some(End::Broken) => {
                drop(guard);
                self.over = true;
                std::panic::resume_unwind(Box::new("the source of a stream panicked, or was lost with its runtime"));
            }
        };
        drop(guard);
        self.over = true;
        Poll::Ready(told)
    }
}

impl<C, E> Drop for Reader<C, E> {
    fn drop(&mut self) {
        let mut state = self.live.state.lock();
        state.readers.remove(&self.id);
        let gone = state.let_go();
        drop(state);
        self.live.moved.notify_waiters();
        drop(gone);
    }
}
