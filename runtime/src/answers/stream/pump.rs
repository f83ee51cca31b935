//! Reading a source: from it to all who listen, and into a recording.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use futures_core::Stream;

use super::super::Answers;
use super::super::failure::Failure;
use super::super::generate::Asked;
use super::super::kept::{Content, Kept};
use super::super::stats::Counters;
use super::live::Live;
use super::replay::Recording;
use crate::clock::Clock;
use crate::codec::weigh;
use crate::join::unless;
use crate::stats::count;

/// The one who reads a source.
pub(super) struct Pump<C, E> {
    live: Arc<Live<C, E>>,
    clock: Clock,
    counters: Arc<Counters>,
}

impl<C: Content, E: Send + Sync + 'static> Pump<C, E> {
    pub(super) fn new(live: Arc<Live<C, E>>, clock: Clock, counters: Arc<Counters>) -> Self {
        Self { live, clock, counters }
    }

    /// Reads the source to its end, or until nobody listens. All that came, if it is not too much.
    pub(super) async fn run<S, F>(&self, opening: F) -> Result<Option<Recording<C>>, Failure<(), E>>
    where
        S: Stream<Item = Result<C, E>>,
        F: Future<Output = Result<S, E>>,
    {
        count(&self.counters.streamed);
        let began = self.clock.now_assured();
        let mut source = pin!(self.heard(opening).await?.map_err(|error| self.failed(error))?);
        loop {
            match self.heard(poll_fn(|cx| source.as_mut().poll_next(cx))).await? {
                None => break,
                Some(Err(error)) => return Err(self.failed(error)),
                Some(Ok(chunk)) => {
                    let bytes = weigh(&chunk);
                    let after = u32::try_from(self.clock.now().saturating_sub(began)).unwrap_or(u32::MAX);
                    self.live.push(chunk, bytes, after);
                    self.live.room().await;
                }
            }
        }
        self.live.end_well();
        Ok(self.live.recorded())
    }

    /// What the source says next, unless nobody listens any more.
    async fn heard<F: Future>(&self, source: F) -> Result<F::Output, Failure<(), E>> {
        let mut source = pin!(source);
        loop {
            if let Some(heard) = unless(source.as_mut(), self.live.left()).await {
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
            let Some(recording) = pump.run(opening).await? else {
                count(&this.counters.streams_too_large);
                return Err(Failure::Unkept);
            };
            if this.is_overtaken(&asked) {
                count(&this.counters.overtaken);
                return Err(Failure::Overtaken(()));
            }
            Ok(Kept::new(Arc::new(recording), asked.ttl))
        }
    }
}
