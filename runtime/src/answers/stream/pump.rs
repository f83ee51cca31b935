//! Reading a source: from it to all who listen, and into a recording.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;

use futures_core::Stream;
use tracing::Instrument as _;

use super::super::Answers;
use super::super::failure::Failure;
use super::super::generate::Asked;
use super::super::kept::{Content, Kept};
use super::super::stats::Counters;
use super::live::{Ending, Live};
use super::replay::Recording;
use crate::clock::{Clock, Millis};
use crate::codec::weigh;
use crate::join::unless;
use crate::stats::count;

/// What a chunk takes beside what it weighs, about.
const BESIDE: usize = 16;
/// So many chunks are read on end: a source that always has one ready must not keep its thread from all others.
const ON_END: u32 = 32;

/// The one who reads a source.
pub(super) struct Pump<C, E> {
    live: Arc<Live<C, E>>,
    clock: Clock,
    counters: Arc<Counters>,
    began: Millis,
}

impl<C: Content, E: Send + Sync + 'static> Pump<C, E> {
    pub(super) fn new(live: Arc<Live<C, E>>, clock: &Clock, counters: &Arc<Counters>) -> Self {
        Self { live, clock: clock.clone(), counters: Arc::clone(counters), began: 0 }
    }

    /// Reads the source to its end, or until nobody listens, and records it.
    ///
    /// Once it is too long for that the recording has failed, and whoever waits for it need not wait for the end: a task
    /// of its own reads on for those who listen.
    pub(super) async fn record<S, F>(mut self, opening: F) -> Result<Recording<C>, Failure<(), E>>
    where
        S: Stream<Item = Result<C, E>> + Send + 'static,
        F: Future<Output = Result<S, E>>,
    {
        let ending = Ending::of(&self.live);
        let mut source = self.open(opening).await?;
        let mut read = 0;
        while self.live.is_whole() {
            if !self.read_one(&mut source, &mut read).await? {
                self.live.end_well();
                return self.live.recorded().ok_or(Failure::Unkept);
            }
        }
        count(&self.counters.streams_too_large);
        let task = async move {
            drop(self.read_on(source).await);
            drop(ending);
        };
        drop(tokio::spawn(task.in_current_span()));
        Err(Failure::Unkept)
    }

    /// Reads the source for those who listen, and keeps nothing.
    pub(super) async fn pass_on<S, F>(mut self, opening: F) -> Result<(), Failure<(), E>>
    where
        S: Stream<Item = Result<C, E>>,
        F: Future<Output = Result<S, E>>,
    {
        let _ending = Ending::of(&self.live);
        let source = self.open(opening).await?;
        self.read_on(source).await
    }

    async fn open<S, F>(&mut self, opening: F) -> Result<Pin<Box<S>>, Failure<(), E>>
    where
        F: Future<Output = Result<S, E>>,
    {
        count(&self.counters.streamed);
        self.began = self.clock.now_assured();
        Ok(Box::pin(self.heard(opening).await?.map_err(|error| self.failed(error))?))
    }

    async fn read_on<S>(&self, mut source: Pin<Box<S>>) -> Result<(), Failure<(), E>>
    where
        S: Stream<Item = Result<C, E>>,
    {
        let mut read = 0;
        loop {
            self.live.room().await;
            if !self.read_one(&mut source, &mut read).await? {
                self.live.end_well();
                return Ok(());
            }
        }
    }

    /// Passes on one chunk; false, if there is no more.
    async fn read_one<S>(&self, source: &mut Pin<Box<S>>, read: &mut u32) -> Result<bool, Failure<(), E>>
    where
        S: Stream<Item = Result<C, E>>,
    {
        *read = (*read + 1) % ON_END;
        if *read == 0 {
            tokio::task::yield_now().await;
        }
        let chunk = match self.heard(poll_fn(|cx| source.as_mut().poll_next(cx))).await? {
            None => return Ok(false),
            Some(chunk) => chunk.map_err(|error| self.failed(error))?,
        };
        let bytes = weigh(&chunk) + BESIDE;
        let after = u32::try_from(self.clock.now().saturating_sub(self.began)).unwrap_or(u32::MAX);
        self.live.push(chunk, bytes, after);
        Ok(true)
    }

    /// What the source says next, unless nobody listens any more.
    async fn heard<F: Future>(&self, source: F) -> Result<F::Output, Failure<(), E>> {
        let mut source = pin!(source);
        loop {
            let mut heard = None;
            let hears = async { heard = Some(source.as_mut().await) };
            // It is looked first whether anybody listens: some sources always have something to say.
            if unless(self.live.left(), hears).await.is_none()
                && let Some(heard) = heard
            {
                return Ok(heard);
            }
            // Somebody may have joined since.
            if self.live.abandon() {
                count(&self.counters.streams_abandoned);
                return Err(Failure::Unkept);
            }
        }
    }

    fn failed(&self, error: E) -> Failure<(), E> {
        count(&self.counters.failed);
        let error = Arc::new(error);
        self.live.end_failed(Some(Arc::clone(&error)));
        Failure::Source(error)
    }
}

impl<T: Content> Answers<T> {
    /// The reading of a source, as the load of an entry.
    pub(super) fn record<C, S, E, F>(
        &self,
        pump: Pump<C, E>,
        asked: Asked,
        opening: F,
    ) -> impl Future<Output = Result<Kept<Arc<Recording<C>>>, Failure<(), E>>> + Send + 'static
    where
        C: Content,
        S: Stream<Item = Result<C, E>> + Send + 'static,
        F: Future<Output = Result<S, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let this = self.clone();
        async move {
            let recording = pump.record(opening).await?;
            if this.is_overtaken(&asked) {
                count(&this.counters.overtaken);
                return Err(Failure::Overtaken(()));
            }
            Ok(Kept::new(Arc::new(recording), asked.ttl))
        }
    }
}
