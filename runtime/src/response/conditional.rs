//! Requests that want a response only if it is another than they have, and how the origin is asked that:
//! RFC 9110, section 13; RFC 9111, section 4.3.

use http::header::{
    DATE, ETAG, HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE, UPGRADE,
};

use super::control::items;
use super::stored::Stored;
use super::times::read_date;
use crate::clock::Millis;

/// Is the request one that only the origin can answer: about what it may overwrite, or for another protocol?
pub(super) fn is_for_origin(request: &HeaderMap) -> bool {
    [IF_MATCH, IF_UNMODIFIED_SINCE, UPGRADE].iter().any(|name| request.contains_key(name))
}

/// Does the request want a part, or an answer only if there is news? Then what the origin says may be for it alone.
pub(super) fn is_partial(request: &HeaderMap) -> bool {
    [RANGE, IF_NONE_MATCH, IF_MODIFIED_SINCE].iter().any(|name| request.contains_key(name))
}

/// Has who asks this response already?
pub(super) fn is_known(request: &HeaderMap, stored: &Stored) -> bool {
    if !stored.status().is_success() {
        return false;
    }
    if request.contains_key(IF_NONE_MATCH) {
        let etag = stored.field(&ETAG).map(|etag| opaque(etag.as_bytes()));
        let mut tags = request.get_all(IF_NONE_MATCH).iter().flat_map(|value| items(value.as_bytes()));
        return tags.any(|tag| tag == b"*" || Some(opaque(tag)) == etag);
    }
    let since = request.get(IF_MODIFIED_SINCE).and_then(read_date);
    let modified = stored.field(&LAST_MODIFIED).or_else(|| stored.field(&DATE)).and_then(read_date);
    since.zip(modified).is_some_and(|(since, modified)| modified <= since)
}

/// An entity tag without the mark that it is weak: both compare so here (RFC 9110, section 13.1.2).
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// A date says nothing of what was changed in the same moment: it counts if the response was made so much later (RFC
/// 9110, section 8.8.2.2).
const LATER: Millis = 60_000;

/// May who has a part of something have another part of this response? Only by a strong tag, or the very date if that
/// is one.
pub(super) fn has_same_whole(request: &HeaderMap, stored: &Stored) -> bool {
    let Some(said) = request.get(IF_RANGE) else { return true };
    let is_tag = stored.field(&ETAG).is_some_and(|etag| etag == said && !etag.as_bytes().starts_with(b"W/"));
    let time = |name| stored.field(name).and_then(read_date);
    let is_strong = || time(&LAST_MODIFIED).zip(time(&DATE)).is_some_and(|(changed, made)| made >= changed + LATER);
    is_tag || stored.field(&LAST_MODIFIED) == Some(said) && is_strong()
}

/// Turns a request into a question whether the stored response still stands. False if that has nothing to ask by; then
/// the request is for the whole all the same.
pub(super) fn ask_for_news(request: &mut HeaderMap, stored: &Stored) -> bool {
    let copy = |request: &mut HeaderMap, to: HeaderName, from: &HeaderName| {
        request.remove(&to);
        let value = stored.field(from).cloned();
        value.is_some_and(|value| request.insert(to, value).is_none())
    };
    request.remove(RANGE);
    request.remove(IF_RANGE);
    let by_tag = copy(request, IF_NONE_MATCH, &ETAG);
    let by_date = copy(request, IF_MODIFIED_SINCE, &LAST_MODIFIED);
    by_tag || by_date
}
