//! Where a request goes: as its client wrote it, by the host and the path that it names.

use std::borrow::Cow;

use http::Uri;
use http::header::{HOST, HeaderMap};
use http::request::Parts;
use http_body::Body;

use super::settings::Settings;

/// The address that its client asked for: what routers take off on the way to a service still stands in it.
pub(super) fn asked<'a>(head: &'a Parts, settings: &Settings) -> Cow<'a, Uri> {
    if let Some(uri_of) = settings.uri_of {
        return Cow::Owned(uri_of(head));
    }
    #[cfg(feature = "http")]
    if let Some(original) = head.extensions.get::<axum::extract::OriginalUri>() {
        return Cow::Borrowed(&original.0);
    }
    Cow::Borrowed(&head.uri)
}

/// What the service sees instead, if that is not the end of what was asked for: somebody on the way wrote another
/// address, perhaps by who asks.
pub(super) fn rewritten(head: &Parts, asked: &Uri, settings: &Settings) -> Option<String> {
    let of = |uri: &Uri| uri.path_and_query().map(|both| both.as_str().to_owned()).unwrap_or_default();
    if settings.uri_of.is_some() || head.uri == *asked {
        return None;
    }
    // The root of what was nested is written so, whatever was taken off before it.
    let is_root = head.uri.path() == "/" && head.uri.query() == asked.query();
    let (seen, asked) = (of(&head.uri), of(asked));
    (!is_root && !asked.ends_with(&seen)).then_some(seen)
}

/// The hosts that a request names: in its address, and in each `Host`. There is to be one, and none of them counts more
/// than the others for each service.
pub(super) fn hosts(uri: &Uri, headers: &HeaderMap) -> Vec<String> {
    let said = uri.authority().map(|authority| authority.as_str().as_bytes());
    let all = said.into_iter().chain(headers.get_all(HOST).iter().map(http::HeaderValue::as_bytes));
    let mut hosts: Vec<String> = all.map(host).collect();
    hosts.dedup();
    if hosts.is_empty() {
        hosts.push(String::new());
    }
    hosts
}

/// Each byte is the character of its number, so that no two hosts are written alike.
pub(super) fn host(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// May there be something in this body? Whoever asks with one is answered by it, perhaps.
pub(super) fn says_something<B: Body>(body: &B) -> bool {
    !body.is_end_stream() && body.size_hint().exact() != Some(0)
}
