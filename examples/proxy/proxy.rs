//! The proxy: a server whose only service is to ask an origin, behind the layer.
//!
//! What concerns one connection is taken off *before* the layer sees a request, and the host is made one: the layer
//! keeps answers by what it sees, so the origin has to see the same. A proxy that takes fields off behind it lets any
//! client put an answer without its language, or of another host, in the place of the right one.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use cached_runtime::response::{ResponseBody, ResponseCache};
use cached_runtime::{Cache, Result};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, COOKIE, DATE, EXPIRES, HOST, HeaderMap, HeaderName, HeaderValue, PRAGMA,
    PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tower::{Layer, Service};

/// What is cached of the origin. `Surrogate-Control` is what `CDN-Cache-Control` was called before RFC 9213.
pub fn responses(cache: &Cache) -> Result<ResponseCache> {
    let targets = ["cdn-cache-control", "surrogate-control"];
    ResponseCache::builder(cache).targets(targets).cache_status("proxy").build()
}

/// Asks the origin.
#[derive(Clone)]
struct Forward {
    origin: SocketAddr,
    client: Client<HttpConnector, Incoming>,
}

/// Serves until its task is dropped: from the cache what the origin lets be cached, and all else from the origin.
pub async fn serve(listener: TcpListener, origin: SocketAddr, responses: ResponseCache) -> std::io::Result<()> {
    let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let service = responses.layer(Forward { origin, client });
    loop {
        let (stream, _) = listener.accept().await?;
        let service = service.clone();
        let answer = service_fn(move |mut request| {
            let mut service = service.clone();
            async move {
                let is_clear = for_one_host(&mut request);
                drop_hops(request.headers_mut());
                Ok::<_, Infallible>(match is_clear {
                    true => service.call(request).await.unwrap_or_else(|_| empty(StatusCode::BAD_GATEWAY)),
                    false => empty(StatusCode::BAD_REQUEST),
                })
            }
        });
        tokio::spawn(async move {
            // Without its timer a client that never ends its head would stay for ever.
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
            // Clients may go whenever they like.
            drop(connection.await);
        });
    }
}

impl Service<Request<Incoming>> for Forward {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        // A path is one of a whole address, too.
        if let Ok(uri) = format!("http://{}{path}", self.origin).parse::<Uri>() {
            *request.uri_mut() = uri;
        }
        let answer = self.client.request(request);
        Box::pin(async move {
            let mut response = answer.await?;
            drop_hops(response.headers_mut());
            Ok(response)
        })
    }
}

/// Makes the host of the address, if it has one, the only one that the request names (RFC 9112, section 3.2.2). False
/// if it names several otherwise.
fn for_one_host<B>(request: &mut Request<B>) -> bool {
    let named = request.uri().authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    match named {
        Some(Ok(host)) => drop(request.headers_mut().insert(HOST, host)),
        Some(Err(_)) => return false,
        None => {}
    }
    request.headers().get_all(HOST).iter().count() <= 1
}

/// Fields that are about one connection do not go over the next. Those that all are to see go on, whatever `Connection`
/// says of them (RFC 9110, section 7.6.1).
fn drop_hops(headers: &mut HeaderMap) {
    let listed = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let listed = listed.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok());
    let listed: Vec<HeaderName> = listed.filter(|name| !is_for_all(name)).collect();
    let known = [CONNECTION, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let all = known.into_iter().chain(listed).chain([HeaderName::from_static("keep-alive")]);
    all.for_each(|name| drop(headers.remove(name)));
}

fn is_for_all(name: &HeaderName) -> bool {
    let known =
        [AUTHORIZATION, CACHE_CONTROL, COOKIE, DATE, EXPIRES, HOST, PRAGMA, RANGE, SET_COOKIE, VARY].contains(name);
    known || ["accept", "cdn-", "content-", "if-"].iter().any(|begin| name.as_str().starts_with(begin))
}

fn empty(status: StatusCode) -> Response<ResponseBody<Incoming>> {
    let mut response = Response::new(ResponseBody::default());
    *response.status_mut() = status;
    response
}
