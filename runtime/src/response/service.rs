//! The layer and its service.

use std::future::Future;
use std::mem::replace;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::ResponseCache;
use super::body::ResponseBody;

/// A service whose responses are cached, made by the layer [`ResponseCache`].
#[derive(Debug, Clone)]
pub struct CachedResponses<S> {
    responses: ResponseCache,
    service: S,
}

impl<S> Layer<S> for ResponseCache {
    type Service = CachedResponses<S>;

    fn layer(&self, service: S) -> CachedResponses<S> {
        CachedResponses { responses: self.clone(), service }
    }
}

impl<S, A, B> Service<Request<A>> for CachedResponses<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    A: Body + Send + 'static,
    B: Body + Send + 'static,
    B::Error: Send,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        // The one that said that it is ready is used, and not its clone.
        let next = self.service.clone();
        let ready = replace(&mut self.service, next);
        Box::pin(self.responses.clone().serve(ready, request))
    }
}
