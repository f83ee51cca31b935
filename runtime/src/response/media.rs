//! Which bodies are worth compressing.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap};

use super::settings::Settings;

/// Types beside `text/*`, and beside those that end in `+json`, `+xml` or `+text`, that are text in truth, or unpacked
/// numbers.
const PACKABLE: &[&str] = &[
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/manifest+json",
    "application/rtf",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-protobuf",
    "application/xml",
    "application/yaml",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

const EVENTS: &str = "text/event-stream";

/// Would clients be glad of this body in an encoding? Streams of events are read while they are made.
pub(super) fn is_packable(fields: &HeaderMap, body: &Bytes, settings: &Settings) -> bool {
    let is_plain = !fields.contains_key(CONTENT_ENCODING) && !fields.contains_key(CONTENT_RANGE);
    is_plain && !settings.encodings.is_empty() && body.len() >= settings.compress_from && has_packable_type(fields)
}

/// Is it a stream of events: one that is sent while it is made, and has no end?
pub(super) fn is_stream(fields: &HeaderMap) -> bool {
    media_of(fields).is_some_and(|media| media == EVENTS)
}

fn has_packable_type(fields: &HeaderMap) -> bool {
    let Some(media) = media_of(fields) else { return false };
    let is_text = media.starts_with("text/") && media != EVENTS;
    is_text || ["+json", "+xml", "+text"].iter().any(|end| media.ends_with(end)) || PACKABLE.contains(&media.as_str())
}

fn media_of(fields: &HeaderMap) -> Option<String> {
    let text = fields.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}
