//! Answers of language models: asked once, replayed, and gone when what they were made from has changed.

mod checks;
mod followed;
mod generate;
mod names;
mod restart;
mod retrieval;
mod similar;
mod stream;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use cached_runtime::Cache;
use cached_runtime::answers::{Answers, Request};
use cached_runtime::clock::Clock;
use cached_runtime::testing::Gate;
use cached_runtime::tier::Tier;
use futures_core::Stream;
use tokio::sync::mpsc;

const SECOND: Duration = Duration::from_secs(1);
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// The model did not answer. Cannot be cloned.
#[derive(Debug, PartialEq, Eq)]
struct Down;

/// A cache, its clock, and the answers in it.
struct Node {
    cache: Cache,
    clock: Clock,
    answers: Answers<String>,
}

impl Node {
    fn new() -> Self {
        let clock = Clock::manual();
        Self::built(Cache::builder().clock(clock.clone()).seed(7).build().unwrap(), clock)
    }

    fn over(tier: Arc<dyn Tier>, clock: &Clock, seed: u64) -> Self {
        let builder = Cache::builder().clock(clock.clone()).seed(seed).read_deadline(LONG).write_deadline(LONG);
        Self::built(builder.tier(tier).build().unwrap(), clock.clone())
    }

    fn built(cache: Cache, clock: Clock) -> Self {
        let answers = Answers::new(&cache, "support").unwrap();
        Self { cache, clock, answers }
    }
}

/// A model that says how often it was asked, when its gate lets it.
#[derive(Clone, Default)]
struct Model {
    calls: Arc<AtomicU64>,
    gate: Gate,
}

impl Model {
    fn held() -> Self {
        Self { gate: Gate::closed(), ..Self::default() }
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn ask(&self) -> impl Future<Output = Result<String, Down>> + Send + 'static {
        let this = self.clone();
        async move {
            let call = this.calls.fetch_add(1, Ordering::SeqCst) + 1;
            this.gate.pass().await;
            Ok(format!("answer {call}"))
        }
    }

    fn fail(&self) -> impl Future<Output = Result<String, Down>> + Send + 'static {
        let asked = self.ask();
        async move {
            asked.await?;
            Err(Down)
        }
    }
}

fn question(text: &str) -> Request {
    Request::new("small").system("Be brief.").user(text).parameter("temperature", 0)
}

/// A stream of tokens that a test sends one by one.
struct Tokens(mpsc::Receiver<Result<String, Down>>);

/// The sending side of a stream. What is sent counts as taken only when the stream was polled for it.
type Speaker = mpsc::Sender<Result<String, Down>>;

impl Stream for Tokens {
    type Item = Result<String, Down>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

fn tokens() -> (Speaker, Tokens) {
    let (speaker, tokens) = mpsc::channel(1);
    (speaker, Tokens(tokens))
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    let next = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx));
    in_time(next).await
}

/// What would never come to an end is a failure.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LONG, future).await.expect("nothing more comes")
}

/// Is there nothing to hear just now?
async fn is_silent<S: Stream + Unpin>(stream: &mut S) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_next(cx).is_pending())).await
}

/// All that is still to come.
async fn rest<C, E: std::fmt::Debug, S: Stream<Item = Result<C, E>> + Unpin>(stream: &mut S) -> Vec<C> {
    let mut all = Vec::new();
    while let Some(chunk) = next(stream).await {
        all.push(chunk.unwrap());
    }
    all
}

/// Waits until the stream of a request, which has ended, is a recording.
async fn recorded(node: &Node, request: &Request) {
    let before = node.answers.stats().replayed;
    for _ in 0..100_000 {
        let silent = || async { Ok::<Tokens, Down>(tokens().1) };
        drop(node.answers.stream::<String, _, _, _>(request, silent).await);
        if node.answers.stats().replayed > before {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the stream is not kept");
}

/// Waits for something that other tasks do.
async fn soon(what: &str, is: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if is() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never: {what}");
}
