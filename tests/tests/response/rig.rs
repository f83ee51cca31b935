//! What the tests stand on: a service that answers as a test says, behind the layer, and a clock that is moved by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use cached_runtime::Cache;
use cached_runtime::clock::Clock;
use cached_runtime::response::{CachedResponses, ResponseBody, ResponseCache, ResponseCacheBuilder};
use cached_runtime::testing::Gate;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::mpsc;
use tower::{Layer as _, Service, ServiceExt as _};

/// The body of a response of the service: what is there, or comes, or breaks off.
pub(crate) enum Text {
    Whole(Option<Bytes>),
    Slow(mpsc::UnboundedReceiver<Result<Bytes, Broken>>),
    Trailed(Option<Bytes>, Option<HeaderMap>),
}

/// A body broke off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// The service failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Down;

/// A request, mostly without a body.
pub(crate) type Asked = Request<Full<Bytes>>;
pub(crate) type Answer = Result<Response<Text>, Down>;
type Handler = dyn Fn(u64, &Asked) -> Answer + Send + Sync;

/// A service, and how often it was asked.
#[derive(Clone)]
pub(crate) struct Source {
    handler: Arc<Handler>,
    asked: Arc<AtomicU64>,
    running: Arc<AtomicU64>,
    /// Passed when the answer is made, and before it is given.
    pub(crate) gate: Gate,
}

/// One program: its cache, its clock, its layer, and the service behind it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) cache: Cache,
    pub(crate) clock: Clock,
    pub(crate) responses: ResponseCache,
    pub(crate) source: Source,
    pub(crate) service: CachedResponses<Source>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Source {
    /// How many requests it is at work on.
    pub(crate) fn running(&self) -> u64 {
        self.running.load(Ordering::SeqCst)
    }
}

/// One request that the service is at work on.
struct Running(Arc<AtomicU64>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Read {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    /// A service that answers the n-th request like this.
    pub(crate) fn of(handler: impl Fn(u64, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(|layer| layer, handler)
    }

    pub(crate) fn with(
        options: impl FnOnce(ResponseCacheBuilder) -> ResponseCacheBuilder,
        handler: impl Fn(u64, &Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let clock = Clock::manual();
        let cache = Cache::builder().clock(clock.clone()).build().unwrap();
        Self::over(cache, options, handler)
    }

    pub(crate) fn over(
        cache: Cache,
        options: impl FnOnce(ResponseCacheBuilder) -> ResponseCacheBuilder,
        handler: impl Fn(u64, &Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let responses = options(ResponseCache::builder(&cache)).build().unwrap();
        let source =
            Source { handler: Arc::new(handler), asked: Arc::default(), running: Arc::default(), gate: Gate::opened() };
        let service = responses.layer(source.clone());
        Self { clock: cache.clock().clone(), cache, responses, source, service }
    }

    /// How often the service was asked.
    pub(crate) fn asked(&self) -> u64 {
        self.source.asked.load(Ordering::SeqCst)
    }

    pub(crate) async fn begin(&self, request: Asked) -> Result<Response<ResponseBody<Text>>, Down> {
        self.service.clone().oneshot(request).await
    }

    pub(crate) async fn try_ask(&self, request: Asked) -> Result<Read, Down> {
        let (parts, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok(Read { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn ask(&self, request: Asked) -> Read {
        self.try_ask(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Read {
        self.ask(get(path, &[])).await
    }

    /// The same in a task of its own.
    pub(crate) fn asking(&self, request: Asked) -> tokio::task::JoinHandle<Read> {
        let world = self.clone();
        tokio::spawn(async move { world.ask(request).await })
    }
}

pub(crate) fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Asked {
    let request = Request::builder().method(method).uri(path).header("host", "site.test");
    fields.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(Full::default()).unwrap()
}

pub(crate) fn get(path: &str, fields: &[(&str, &str)]) -> Asked {
    request("GET", path, fields)
}

/// A response with these fields.
pub(crate) fn answer(text: impl Into<Bytes>, fields: &[(&str, &str)]) -> Answer {
    Ok(response(Text::Whole(Some(text.into())), fields))
}

pub(crate) fn response(text: Text, fields: &[(&str, &str)]) -> Response<Text> {
    let response = Response::builder();
    fields.iter().fold(response, |response, (name, value)| response.header(*name, *value)).body(text).unwrap()
}

pub(crate) fn status(status: u16, fields: &[(&str, &str)]) -> Answer {
    let mut response = response(Text::Whole(None), fields);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

/// A handler whose body is what comes through this.
pub(crate) fn slow() -> (mpsc::UnboundedSender<Result<Bytes, Broken>>, Text) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Text::Slow(receiver))
}

impl Service<Asked> for Source {
    type Response = Response<Text>;
    type Error = Down;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Down>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Asked) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            this.running.fetch_add(1, Ordering::SeqCst);
            let _running = Running(Arc::clone(&this.running));
            let number = this.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let answer = (this.handler)(number, &request);
            this.gate.pass().await;
            answer
        })
    }
}

impl Body for Text {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Slow(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
            Self::Trailed(bytes, trailers) => {
                let data = bytes.take().map(Frame::data);
                Poll::Ready(data.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Slow(_) | Self::Trailed(..) => SizeHint::default(),
        }
    }
}

/// Waits for what happens in another task; fails if it does not.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..5_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("not within five seconds: {what}");
}
