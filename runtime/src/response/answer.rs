//! An answer made from a stored response: whole, a part, in an encoding, or the word that nothing has changed.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_RANGE, DATE, ETAG, EXPIRES, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, VARY,
};
use http::{Response, StatusCode};
use http_body::Body;

use super::ResponseCache;
use super::body::ResponseBody;
use super::conditional::{has_same_whole, is_known};
use super::encoding::Encoding;
use super::handled::Handled;
use super::range::{Part, part_of};
use super::stored::Stored;
use crate::stats::count;

/// The fields that go with the word that nothing has changed (RFC 9110, section 15.4.5).
const OF_NO_NEWS: [HeaderName; 7] = [CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, LAST_MODIFIED, VARY];

/// Sums of the bytes that are sent, or of what they stand for with its encoding (RFC 9530): another encoding has
/// others.
const OF_BYTES: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// The request as far as its answer depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) is_head: bool,
}

impl ResponseCache {
    /// What this request gets of a stored response, which it may have brought itself.
    pub(super) async fn answer<B: Body>(
        &self,
        stored: &Arc<Stored>,
        asker: Asker<'_>,
        handled: Handled,
        is_news: bool,
    ) -> Response<ResponseBody<B>> {
        let (status, mut headers, body) = self.choose(stored, asker).await;
        let now = self.clock().now();
        // What was made, or validated, for this very request has no age of its own.
        if handled.is_from_cache() {
            headers.insert(AGE, HeaderValue::from(stored.times.age_seconds(now)));
        }
        let told = handled.told().kept(stored.times.fresh_for(now), is_news);
        told.write(&mut headers, self.settings().status_name.as_ref());
        if status != StatusCode::NOT_MODIFIED && status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let mut response = Response::new(ResponseBody::kept(if asker.is_head { Bytes::new() } else { body }));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    async fn choose(&self, stored: &Arc<Stored>, asker: Asker<'_>) -> (StatusCode, HeaderMap, Bytes) {
        if is_known(asker.headers, stored) {
            count(&self.counts().not_modified);
            return (StatusCode::NOT_MODIFIED, no_news(stored), Bytes::new());
        }
        let body = &stored.body.0;
        let mut headers = stored.fields.0.clone();
        if stored.is_packable {
            vary_by_encoding(&mut headers);
        }
        if !asker.is_head && stored.status() == StatusCode::OK && has_same_whole(asker.headers, stored) {
            match part_of(asker.headers, body.len()) {
                Part::Whole => {}
                Part::Some(part) => {
                    let said = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), body.len());
                    put_text(&mut headers, CONTENT_RANGE, &said);
                    // These are of the bytes that are sent, and so of a part.
                    OF_BYTES[..2].iter().for_each(|name| drop(headers.remove(name)));
                    return (StatusCode::PARTIAL_CONTENT, headers, body.slice(part));
                }
                Part::Beyond => {
                    let mut headers = no_news(stored);
                    put_text(&mut headers, CONTENT_RANGE, &format!("bytes */{}", body.len()));
                    return (StatusCode::RANGE_NOT_SATISFIABLE, headers, Bytes::new());
                }
            }
        }
        if stored.is_packable
            && let Some((encoding, packed)) = self.packed_for(stored, asker.headers).await
        {
            count(&self.counts().packed);
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
            headers.remove(ACCEPT_RANGES);
            OF_BYTES.iter().for_each(|name| drop(headers.remove(name)));
            weaken(&mut headers);
            return (stored.status(), headers, packed);
        }
        (stored.status(), headers, body.clone())
    }

    async fn packed_for(&self, stored: &Arc<Stored>, request: &HeaderMap) -> Option<(Encoding, Bytes)> {
        let accept = accepted(request)?;
        let encoding = Encoding::best(&accept, &self.settings().encodings)?;
        Some((encoding, self.shelf().packed(stored, encoding).await?))
    }
}

/// What the client takes, all lines together.
fn accepted(request: &HeaderMap) -> Option<String> {
    let lines = request.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let lines: Vec<&str> = lines.collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn no_news(stored: &Stored) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(OF_NO_NEWS.len());
    for name in OF_NO_NEWS {
        for value in stored.fields.0.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    if stored.is_packable {
        vary_by_encoding(&mut headers);
    }
    headers
}

/// Caches behind this one have to know, also of the body as it is.
fn vary_by_encoding(headers: &mut HeaderMap) {
    let is_said = headers.get_all(VARY).iter().flat_map(|value| super::control::items(value.as_bytes()));
    if !is_said.into_iter().any(|name| name.eq_ignore_ascii_case(b"accept-encoding")) {
        headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

/// A strong tag names bytes, and these are others (RFC 9110, section 8.8.3.3).
fn weaken(headers: &mut HeaderMap) {
    let Some(etag) = headers.get(ETAG).map(HeaderValue::as_bytes) else { return };
    if !etag.starts_with(b"W/") {
        let weak = [b"W/", etag].concat();
        match HeaderValue::from_bytes(&weak) {
            Ok(weak) => drop(headers.insert(ETAG, weak)),
            Err(_) => drop(headers.remove(ETAG)),
        }
    }
}

fn put_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}
