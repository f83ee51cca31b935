//! A stream that is over: its chunks, when each came, and how it is heard again.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Millis};

/// The chunks of a stream that ended well.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Recording<C> {
    chunks: Vec<C>,
    /// When each came, in milliseconds after the stream began.
    after: Vec<u32>,
}

/// One who hears a recording.
pub(super) struct Replay<C> {
    recording: Arc<Recording<C>>,
    at: usize,
    clock: Clock,
    /// When the first chunk would have been due, if chunks are paced.
    began: Option<Millis>,
    due: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl<C> Recording<C> {
    pub(super) fn chunks(&self) -> impl Iterator<Item = (&C, u32)> {
        self.chunks.iter().zip(self.after.iter().copied())
    }
}

impl<C> FromIterator<(C, u32)> for Recording<C> {
    fn from_iter<I: IntoIterator<Item = (C, u32)>>(chunks: I) -> Self {
        let (chunks, after) = chunks.into_iter().unzip();
        Self { chunks, after }
    }
}

impl<C> Replay<C> {
    pub(super) fn new(recording: Arc<Recording<C>>, clock: &Clock) -> Self {
        Self { recording, at: 0, clock: clock.clone(), began: None, due: None }
    }

    pub(super) fn pace(&mut self) {
        self.began = Some(self.clock.now_assured());
    }
}

impl<C: Clone> Replay<C> {
    /// The next chunk, when it is due.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<C>> {
        let Some(chunk) = self.recording.chunks.get(self.at) else { return Poll::Ready(None) };
        if let Some(began) = self.began {
            let after = self.recording.after.get(self.at).copied().unwrap_or_default();
            let due = self.due.get_or_insert_with(|| {
                let (clock, at) = (self.clock.clone(), began + Millis::from(after));
                Box::pin(async move { clock.until(at).await })
            });
            ready!(due.as_mut().poll(cx));
            self.due = None;
        }
        self.at += 1;
        Poll::Ready(Some(chunk.clone()))
    }
}

impl<C> fmt::Debug for Recording<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("chunks", &self.chunks.len()).finish_non_exhaustive()
    }
}
