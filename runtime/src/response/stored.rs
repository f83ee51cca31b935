//! A response as it is kept, and what decides whether it may be.

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    CONNECTION, CONTENT_LENGTH, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::response::Parts;
use serde::{Deserialize, Serialize};

use super::control::{Control, Fields as Whose};
use super::fields::Fields;
use super::media;
use super::refusal::Refusal;
use super::settings::Settings;
use super::tags;
use super::times::{Times, is_usual, says_how_long};
use super::vary::Varies;
use crate::clock::{Clock, Millis};
use crate::codec::Octets;

/// What an entry takes beside its bytes, about: the maps and counts around them.
const BESIDE: usize = 256;
/// The same of each field.
const FIELD: usize = 64;

/// A whole response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    /// Tells the body from every other one: what was compressed of it is found by this.
    pub(super) id: u128,
    status: u16,
    pub(super) fields: Fields,
    pub(super) body: Octets,
    pub(super) times: Times,
    pub(super) tags: Vec<String>,
    /// May who is authorized have it, and others who are?
    pub(super) is_for_all: bool,
    /// Is it worth compressing, and allowed?
    pub(super) is_packable: bool,
    /// How long it was to be kept when it was stored.
    pub(super) life: Millis,
}

/// What is known of a response before its body is.
#[derive(Debug)]
pub(super) struct Draft {
    status: StatusCode,
    fields: HeaderMap,
    times: Times,
    tags: Vec<String>,
    is_for_all: bool,
    no_transform: bool,
    pub(super) varies: Varies,
}

/// The request that a response answers, as far as that decides whether it may be kept.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) is_authorized: bool,
    /// Was it handed on with a wish of its client for a part, or for news only?
    pub(super) is_partial: bool,
    pub(super) asked: Millis,
}

impl Draft {
    /// What would be kept of this response to a `GET`, unless it may not be, or would be of no use (RFC 9111,
    /// section 3).
    pub(super) fn of(
        parts: &Parts,
        origin: &Origin,
        settings: &Settings,
        clock: &Clock,
    ) -> std::result::Result<Self, Refusal> {
        let said = Control::of(&parts.headers, &settings.targets);
        let control = &said.0;
        if let Some(why) = refused(parts, origin, control, settings) {
            return Err(why);
        }
        // Who says nothing of it may be kept only if his status may (section 3, the last point).
        let says_how_long = says_how_long(&parts.headers, &said);
        if !says_how_long && !control.public && !is_usual(parts.status) {
            return Err(Refusal::Unsaid);
        }
        let varies = Varies::of(&parts.headers).ok_or(Refusal::Vary)?;
        let tags = tags::read(&parts.headers, settings).ok_or(Refusal::Tags)?;
        let arrived = clock.now_assured();
        let times = Times::of((parts.status, &parts.headers), &said, settings, (origin.asked, arrived));
        let fields = kept_fields(&parts.headers, control, settings, clock);
        let can_be_validated = fields.contains_key(ETAG) || fields.contains_key(LAST_MODIFIED);
        if times.is_spent(arrived) && !can_be_validated {
            let is_said = says_how_long || control.no_cache == Whose::Whole;
            return Err(if is_said { Refusal::Spent } else { Refusal::Unsaid });
        }
        let (is_for_all, no_transform) = (control.is_for_all(), control.no_transform);
        Ok(Self { status: parts.status, fields, times, tags, is_for_all, no_transform, varies })
    }

    /// With its body. `None` if that is not as long as was said.
    pub(super) fn with(self, body: Bytes, id: u128, settings: &Settings, clock: &Clock) -> Option<Stored> {
        let Self { status, mut fields, times, tags, is_for_all, no_transform, .. } = self;
        let said = fields.remove(CONTENT_LENGTH);
        if said.is_some_and(|said| said.as_bytes() != body.len().to_string().as_bytes()) {
            return None;
        }
        let is_packable = !no_transform && status == StatusCode::OK && media::is_packable(&fields, &body, settings);
        let mut stored = Stored {
            id,
            status: status.as_u16(),
            fields: Fields(fields),
            body: Octets(body),
            times,
            tags,
            is_for_all,
            is_packable,
            life: 0,
        };
        stored.set_life(settings, clock);
        Some(stored)
    }
}

/// Who of those that have a say does not let it be kept?
fn refused(parts: &Parts, origin: &Origin, control: &Control, settings: &Settings) -> Option<Refusal> {
    let status = parts.status;
    let is_final =
        status.as_u16() >= 200 && status != StatusCode::PARTIAL_CONTENT && status != StatusCode::NOT_MODIFIED;
    // Else one request would decide what all others get.
    let is_for_all_requests = !is_of_request(status) && (!origin.is_partial || status == StatusCode::OK);
    // Who must understand it knows what `no-store` was said for beside it (section 5.2.2.3).
    let is_understood = !control.must_understand || is_usual(status) || is_known(status);
    let no_store = control.no_store && !(control.must_understand && is_understood);
    let is_shared = !origin.is_authorized || control.is_for_all() || settings.authorized;
    let is_cookie_left_out = control.named().any(|name| name == SET_COOKIE);
    let is_nobodys = settings.set_cookie || is_cookie_left_out || !parts.headers.contains_key(SET_COOKIE);
    let reasons = [
        (no_store, Refusal::NoStore),
        (control.private == Whose::Whole, Refusal::Private),
        (!is_nobodys, Refusal::SetCookie),
        (!is_shared, Refusal::Authorized),
        (!is_final || !is_for_all_requests || !is_understood, Refusal::Status),
    ];
    reasons.into_iter().find_map(|(is_so, why)| is_so.then_some(why))
}

/// Statuses that say what was wrong with how it was asked, or who asked, and nothing of what was asked for: a part that
/// is not there, a condition, fields that are too many, too often. None of them is kept, whatever it says (RFC 6585
/// says so of some).
pub(super) fn is_of_request(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 412 | 413 | 416 | 417 | 421 | 425 | 426 | 428 | 429 | 431 | 511)
}

/// Statuses whose meaning for caches is known here.
fn is_known(status: StatusCode) -> bool {
    status.canonical_reason().is_some()
}

/// The fields that are kept: without what concerns one connection, and what is named by `private` or `no-cache`.
fn kept_fields(headers: &HeaderMap, control: &Control, settings: &Settings, clock: &Clock) -> HeaderMap {
    let mut fields = headers.clone();
    drop_hops(&mut fields);
    control.named().for_each(|name| drop(fields.remove(name)));
    if settings.hide_tags {
        settings.tag_fields.iter().for_each(|name| drop(fields.remove(name)));
    }
    // Also one that cannot be read: nobody could tell by it how old this is.
    if let Some(date) = date_to_add(&fields, clock) {
        fields.insert(DATE, date);
    }
    fields
}

fn date_to_add(fields: &HeaderMap, clock: &Clock) -> Option<HeaderValue> {
    if fields.get(DATE).and_then(super::times::read_date).is_some() { None } else { super::times::date_of(clock) }
}

/// Drops the fields that concern one connection (RFC 9110, section 7.6.1; RFC 9111, section 3.1).
pub(super) fn drop_hops(fields: &mut HeaderMap) {
    let listed = fields.get_all(CONNECTION).iter().flat_map(|value| super::control::items(value.as_bytes()));
    let listed: Vec<HeaderName> = listed.filter_map(|name| HeaderName::from_bytes(name).ok()).collect();
    let known = [CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let others = ["keep-alive", "proxy-authentication-info", "proxy-connection"].map(HeaderName::from_static);
    for name in known.iter().chain(&others).chain(&listed) {
        fields.remove(name);
    }
}

impl Stored {
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK)
    }

    /// Sets how long it is of any use from now on.
    pub(super) fn set_life(&mut self, settings: &Settings, clock: &Clock) {
        self.life = crate::clock::millis(self.times.left(clock.now(), settings.keep_stale));
    }

    /// In bytes, with all that is around them.
    pub(super) fn weight(&self) -> usize {
        let fields: usize = self.fields.0.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + FIELD).sum();
        BESIDE + fields + tags + self.body.0.len()
    }

    /// The value of a field, if it is there.
    pub(super) fn field(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.fields.0.get(name)
    }
}
