//! A stored response that the origin has said still stands: RFC 9111, sections 3.2, 4.3.4 and 4.3.5.

use std::sync::Arc;

use http::StatusCode;
use http::header::{
    AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, SET_COOKIE,
    WARNING,
};
use http::response::Parts;

use super::control::Control;
use super::settings::Settings;
use super::stored::{Origin, Stored, drop_hops};
use super::times::{Times, date_of};
use super::vary::Varies;
use crate::clock::Clock;

/// The stored response with what the origin said of it now, and what it depends on; nothing of that if it may not be
/// kept any longer. Beside it what both say together.
pub(super) fn freshened(
    stored: &Arc<Stored>,
    parts: &Parts,
    origin: &Origin,
    (settings, clock): (&Settings, &Clock),
) -> (Stored, Option<Varies>, Control) {
    let mut news = parts.headers.clone();
    drop_hops(&mut news);
    // These say what the stored body is, and a response without one does not know that.
    let of_body = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE, ETAG];
    of_body.iter().chain([&HeaderName::from_static("content-md5")]).for_each(|name| drop(news.remove(name)));
    if !settings.set_cookie {
        news.remove(SET_COOKIE);
    }
    let mut fresh = Stored::clone(stored);
    fresh.fields.0.remove(WARNING);
    for name in news.keys() {
        fresh.fields.0.remove(name);
    }
    let mut last = None;
    for (name, value) in news {
        // Of several values of one field only the first has the name beside it.
        last = name.or(last);
        if let Some(name) = &last {
            fresh.fields.0.append(name, value);
        }
    }
    // An age that the old response came with says nothing of the new one.
    if !parts.headers.contains_key(AGE) {
        fresh.fields.0.remove(AGE);
    }
    // The old date would make it as old as it was before.
    if !parts.headers.contains_key(DATE)
        && let Some(date) = date_of(clock)
    {
        fresh.fields.0.insert(DATE, date);
    }
    let said = Control::of(&fresh.fields.0, &settings.targets);
    said.0.named().for_each(|name| drop(fresh.fields.0.remove(name)));
    let arrived = clock.now_assured();
    fresh.times = Times::of((fresh.status(), &fresh.fields.0), &said, settings, (origin.asked, arrived));
    fresh.set_life(settings, clock);
    let tags = super::tags::read(&fresh.fields.0, settings);
    fresh.is_for_all = said.0.is_for_all();
    fresh.is_packable &= !said.0.no_transform;
    let is_shared = fresh.is_for_all || settings.authorized || !origin.is_authorized;
    let may_stay = is_shared && !said.0.no_store && said.0.private != super::control::Fields::Whole;
    let varies = Varies::of(&fresh.fields.0).filter(|_| may_stay && tags.is_some());
    // Hidden tags are not told again with every answer.
    fresh.tags = match tags {
        Some(tags) if !tags.is_empty() || !settings.hide_tags => tags,
        _ => stored.tags.clone(),
    };
    (fresh, varies, said.0)
}

/// Is what the origin says of a `HEAD` about the stored response?
pub(super) fn is_of(stored: &Stored, parts: &Parts) -> bool {
    let agrees = |name: &HeaderName| match (parts.headers.get(name), stored.field(name)) {
        (Some(said), Some(known)) => said == known,
        // What is not said is not another one.
        _ => true,
    };
    let len = parts.headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse().ok());
    parts.status == StatusCode::OK
        && stored.status() == StatusCode::OK
        && agrees(&ETAG)
        && agrees(&LAST_MODIFIED)
        && len.is_none_or(|len: usize| len == stored.body.0.len())
}

/// Gives who asked what the service said to nobody else: these fields of its answer, as far as what is kept has none.
pub(super) fn give_own<'a>(
    answer: &mut HeaderMap,
    parts: &Parts,
    own: impl Iterator<Item = &'a HeaderName>,
    settings: &Settings,
) {
    for name in own {
        let is_hidden = settings.hide_tags && settings.tag_fields.contains(name);
        if answer.contains_key(name) || is_hidden || is_hop(name, &parts.headers) {
            continue;
        }
        for value in parts.headers.get_all(name) {
            answer.append(name, value.clone());
        }
    }
}

fn is_hop(name: &HeaderName, headers: &HeaderMap) -> bool {
    let mut left = headers.clone();
    drop_hops(&mut left);
    !left.contains_key(name)
}
