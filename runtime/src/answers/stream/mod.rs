//! Answers that come in pieces: passed on as they come, recorded, and replayed.

mod live;
mod pump;
mod replay;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use parking_lot::Mutex;
use tracing::Instrument as _;

use self::live::{Ending, Live, Reader};
use self::pump::Pump;
use self::replay::{Recording, Replay};
use super::Answers;
use super::canonical::Kind;
use super::failure::Failure;
use super::generate::{Asked, Source};
use super::kept::{Content, Kept};
use super::request::Request;
use crate::error::Result;
use crate::namespace::Namespace;
use crate::stats::count;

/// The streams under way, by key.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>);

/// The chunks of an answer, each as the model sent it.
///
/// Ends after the last chunk, or after the error that the source ended with. Dropped before that, it is given up as
/// [`Answers::stream`] says.
pub struct AnswerStream<C, E> {
    origin: Origin<C, E>,
}

enum Origin<C, E> {
    Live(Reader<C, E>, Source),
    Recorded(Replay<C>),
}

type Recorded<C> = Namespace<Kept<Arc<Recording<C>>>>;

impl<T: Content> Answers<T> {
    /// The answer to a request in chunks: those of a recording, of a stream that is under way, from its beginning, or else
    /// of the model, which this then asks.
    ///
    /// The stream is read in a task of its own, recorded, and kept when it has ended well: not if it yields an error, and
    /// not if it is over [`max_stream`](Answers::max_stream). Callers who drop what this returns take nothing away from
    /// others; when the last has done so, the stream is dropped, too, and nothing is kept
    /// ([`finish_streams`](Answers::finish_streams) reads on). Who reads slowly delays nobody, until the stream is too
    /// long to be kept: from then on the model is no further ahead of the slowest reader than `max_stream`.
    ///
    /// A recording is kept apart from the answers of [`generate`](Answers::generate), also if it says the same.
    ///
    /// ```
    /// # use cached_runtime::answers::{Answers, AnswerStream, Request};
    /// use std::pin::Pin;
    /// use futures_core::Stream;
    ///
    /// type Tokens = Pin<Box<dyn Stream<Item = Result<String, std::io::Error>> + Send>>;
    ///
    /// /// Asks the model, and answers when it begins to speak.
    /// async fn open(request: Request) -> Result<Tokens, std::io::Error> {
    ///     // here
    /// #   let _ = request;
    /// #   Err(std::io::ErrorKind::Other.into())
    /// }
    ///
    /// # async fn example(answers: &Answers<String>) -> Result<String, std::sync::Arc<std::io::Error>> {
    /// let request = Request::new("gpt-4o-mini").user("What is a cache?").parameter("temperature", 0);
    /// let mut stream: AnswerStream<String, _> = answers.stream(&request, || open(request.clone())).await;
    /// let mut whole = String::new();
    /// while let Some(token) = stream.next().await {
    ///     whole += &token?;
    /// }
    /// # Ok(whole)
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime. If the source panics, all who listen do.
    pub async fn stream<C, S, E, F>(&self, request: &Request, open: impl FnOnce() -> F) -> AnswerStream<C, E>
    where
        C: Content,
        S: Stream<Item = Result<C, E>> + Send + 'static,
        F: Future<Output = Result<S, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        count(&self.counters.streams_asked);
        let mut asked = self.asked(request, Kind::Stream);
        let site = format!("{}.stream", self.name());
        let recorded: Result<Recorded<C>> = Namespace::living(&self.cache, self.name(), &site, Kept::life);
        // Who may not read what others have hears for himself; so does who may not store, and others want theirs stored.
        let recorded = recorded.ok().filter(|recorded| !self.passes_by(request) && recorded.may_read());
        let Some(recorded) = recorded else {
            count(&self.counters.bypassed);
            return self.pass_on(open());
        };
        if let Some(kept) = recorded.get(&asked.name).await {
            count(&self.counters.replayed);
            return AnswerStream { origin: Origin::Recorded(Replay::new(kept.value, self.cache.clock())) };
        }
        let is_late = self.is_overtaken(&asked);
        let key = recorded.key(&*asked.loaded_as(is_late)).as_str().to_owned();
        // Two callers never lead at once: who leads is decided while the table is held.
        let mut under_way = self.streams.0.lock();
        if let Some(reader) = self.follow(under_way.get(&key), &recorded, &asked) {
            count(&self.counters.followed);
            return AnswerStream { origin: Origin::Live(reader, Source::Cache) };
        }
        if !recorded.may_store() {
            drop(under_way);
            count(&self.counters.bypassed);
            return self.pass_on(open());
        }
        // The source may be read from the moment it is opened, which is before its load begins.
        // What was late from the start is good for those who are as late, unless more is invalidated.
        let now = self.cache.0.log.birth();
        let born = *asked.born.get_or_insert(now);
        let birth = if is_late { now } else { born };
        let live = Arc::new(Live::recording(birth, self.settings.max_stream, self.settings.finish_streams));
        let Some(reader) = Live::join(&live) else { return self.pass_on(open()) };
        under_way.insert(key.clone(), Arc::clone(&live) as _);
        drop(under_way);
        // Before the closure is called: should it panic, nobody waits for a stream that does not come.
        let listed = Listed { streams: Arc::clone(&self.streams), key, live: Arc::clone(&live) };
        let ending = Ending::of(&live);
        self.lead(listed, ending, recorded, asked, open());
        AnswerStream { origin: Origin::Live(reader, Source::Model) }
    }

    /// Joins a stream that is under way, unless an invalidation has overtaken it.
    fn follow<C: Content, E: Send + Sync + 'static>(
        &self,
        live: Option<&Arc<dyn Any + Send + Sync>>,
        recorded: &Recorded<C>,
        asked: &Asked,
    ) -> Option<Reader<C, E>> {
        let live = Arc::clone(live?).downcast::<Live<C, E>>().ok()?;
        if recorded.is_current(&asked.name, &asked.tags, live.birth()) { Live::join(&live) } else { None }
    }

    /// Reads the source as the load of the recording's entry: so the log guards it as it does every load.
    ///
    /// `ending` is for a task that is lost; who reads the source has one of his own, which may come later than this.
    fn lead<C, S, E, F>(
        &self,
        listed: Listed<C, E>,
        ending: Ending<C, E>,
        recorded: Recorded<C>,
        asked: Asked,
        opening: F,
    ) where
        C: Content,
        S: Stream<Item = Result<C, E>> + Send + 'static,
        F: Future<Output = Result<S, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let this = self.clone();
        let whole = Arc::clone(&listed.live);
        let pump = Pump::new(Arc::clone(&whole), self.cache.clock(), &self.counters);
        let task = async move {
            let mut source = Some((pump, opening));
            while source.is_some() {
                let is_late = this.is_overtaken(&asked);
                let name = asked.loaded_as(is_late);
                let load = || {
                    // Overtaken since it was looked at: who has joined by now may have newer documents.
                    let own = source.take_if(|_| is_late || !this.is_overtaken(&asked));
                    let record = own.map(|(pump, opening)| this.record(pump, asked.clone(), opening));
                    async move {
                        match record {
                            Some(record) => record.await,
                            None => Err(Failure::Unkept),
                        }
                    }
                };
                // Perhaps somebody had it already, in a tier or by a load that this one joined: then nothing was read here.
                match recorded.get_or_load_with(&*name, asked.tags.clone(), load).await {
                    Ok(kept) => {
                        if source.is_some() {
                            count(&this.counters.replayed);
                        }
                        whole.end_with(&kept.value);
                        break;
                    }
                    Err(failure) => {
                        if let Some(error) = failure.source() {
                            whole.end_failed(Some(error));
                            break;
                        }
                        // What somebody else made is good for nobody: this one reads for itself.
                    }
                }
            }
            ending.let_be();
            // Only now: who comes between the end and the entry finds this.
            drop(listed);
        };
        drop(tokio::spawn(task.in_current_span()));
    }

    /// A stream for one caller alone, of which nothing is kept.
    fn pass_on<C, S, E, F>(&self, opening: F) -> AnswerStream<C, E>
    where
        C: Content,
        S: Stream<Item = Result<C, E>> + Send + 'static,
        F: Future<Output = Result<S, E>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let live = Arc::new(Live::passing(self.cache.0.log.birth(), self.settings.max_stream));
        let reader = live.reader();
        let pump = Pump::new(live, self.cache.clock(), &self.counters);
        drop(tokio::spawn(async move { drop(pump.pass_on(opening).await) }.in_current_span()));
        AnswerStream { origin: Origin::Live(reader, Source::Model) }
    }
}

/// Stands in the table for as long as it is held.
struct Listed<C, E> {
    streams: Arc<Streams>,
    key: String,
    live: Arc<Live<C, E>>,
}

impl<C, E> Drop for Listed<C, E> {
    fn drop(&mut self) {
        let mut under_way = self.streams.0.lock();
        let is_this = |live: &Arc<dyn Any + Send + Sync>| Arc::as_ptr(live).addr() == Arc::as_ptr(&self.live).addr();
        if under_way.get(&self.key).is_some_and(is_this) {
            under_way.remove(&self.key);
        }
    }
}

impl<C, E> AnswerStream<C, E> {
    /// Where the chunks are from.
    #[must_use]
    pub fn source(&self) -> Source {
        match &self.origin {
            Origin::Live(_, source) => *source,
            Origin::Recorded(_) => Source::Cache,
        }
    }

    /// Replays a recording at the pace at which its chunks came, to the accuracy of the cache's clock. Default: as fast as
    /// it is read. A stream that is under way comes at its own pace anyway.
    ///
    /// ```
    /// # use cached_runtime::answers::AnswerStream;
    /// # fn example(stream: AnswerStream<String, std::io::Error>) {
    /// let as_if_it_was_typed = stream.paced();
    /// # let _ = as_if_it_was_typed;
    /// # }
    /// ```
    #[must_use]
    pub fn paced(mut self) -> Self {
        if let Origin::Recorded(replay) = &mut self.origin {
            replay.pace();
        }
        self
    }
}

impl<C: Content, E> AnswerStream<C, E> {
    /// The next chunk; none after the last. The trait `Stream` is there for whoever combines streams.
    pub async fn next(&mut self) -> Option<Result<C, Arc<E>>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<C: Content, E> Stream for AnswerStream<C, E> {
    type Item = Result<C, Arc<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.origin {
            Origin::Live(reader, _) => reader.poll_next(cx),
            Origin::Recorded(replay) => replay.poll_next(cx).map(|chunk| chunk.map(Ok)),
        }
    }
}

impl<C, E> fmt::Debug for AnswerStream<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream").field("source", &self.source()).finish_non_exhaustive()
    }
}
