//! How old a response is, and until when it is fresh: RFC 9111, section 4.2.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use http::header::{AGE, DATE, EXPIRES, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED};
use serde::{Deserialize, Serialize};

use super::control::{Control, Fields, Wishes, seconds};
use super::settings::Settings;
use crate::clock::{Clock, Millis, millis};

const SECOND: Millis = 1_000;
/// What is fresh by its looks alone is so for a day at most.
const LONGEST_GUESS: Millis = 24 * 3_600 * SECOND;
/// The part of its time without a change that a response is fresh by its looks (section 4.2.2).
const GUESS: u64 = 10;

/// The times of a response, as far as they decide when it may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Times {
    /// When it arrived, by the clock of the cache.
    arrived: Millis,
    /// How old it was then.
    age: Millis,
    /// How long it is fresh.
    lifetime: Millis,
    /// How long after that it may be served while another is asked for.
    while_revalidate: Millis,
    /// How long after that it may be served if the origin fails.
    if_error: Millis,
    /// May no request have it past its time, whatever it wishes?
    strict: bool,
    /// Is it to be validated each time?
    no_cache: bool,
}

/// What may be done with a response that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It answers.
    Now,
    /// It answers, and the origin is asked behind.
    Meanwhile,
    /// The origin is asked first.
    Validate,
}

impl Times {
    /// Of a response that was asked for and arrived at these times.
    pub(super) fn of(
        (status, headers): (StatusCode, &HeaderMap),
        (control, is_targeted): &(Control, bool),
        settings: &Settings,
        (asked, arrived): (Millis, Millis),
    ) -> Self {
        let date = headers.get(DATE).and_then(read_date);
        let apparent = arrived.saturating_sub(date.unwrap_or(arrived));
        let delay = arrived.saturating_sub(asked);
        let said = read_age(headers).saturating_add(delay);
        let date = date.unwrap_or(arrived);
        let lifetime = explicit(headers, control, *is_targeted, date)
            .unwrap_or_else(|| guessed((status, headers), control, settings, date));
        // What went wrong, or is so for now, is not the answer for any longer than it says.
        let is_lasting = status.is_success() || status.is_redirection() && is_usual(status);
        // Who says `s-maxage` and a window beside it means the window; of `must-revalidate` there is no exception.
        let window = |said: Option<u64>, usual: Duration| match said {
            _ if control.must_be_validated() => 0,
            Some(said) => said * SECOND,
            None if control.is_strict() || !is_lasting => 0,
            None => millis(usual),
        };
        Self {
            arrived,
            age: apparent.max(said),
            lifetime,
            while_revalidate: window(control.stale_while_revalidate, settings.stale_while_revalidate),
            if_error: window(control.stale_if_error, settings.stale_if_error),
            strict: control.is_strict(),
            no_cache: control.no_cache == Fields::Whole,
        }
    }

    pub(super) fn age(&self, now: Millis) -> Millis {
        self.age.saturating_add(now.saturating_sub(self.arrived))
    }

    /// The age as it is told, rounded: a clock that is some milliseconds behind shall not make it a second younger.
    pub(super) fn age_seconds(&self, now: Millis) -> u64 {
        self.age(now).saturating_add(SECOND / 2) / SECOND
    }

    pub(super) fn is_fresh(&self, now: Millis) -> bool {
        !self.no_cache && self.age(now) < self.lifetime
    }

    /// For how many seconds it is still fresh; negative since when it is not.
    pub(super) fn fresh_for(&self, now: Millis) -> i64 {
        let signed = |millis: Millis| i64::try_from(millis / SECOND).unwrap_or(i64::MAX);
        signed(self.lifetime).saturating_sub(signed(self.age(now)))
    }

    /// What a request that wishes this may do with it.
    pub(super) fn usable(&self, wishes: &Wishes, now: Millis) -> Use {
        let age = self.age(now);
        let of = |seconds: Option<u64>, otherwise| seconds.map_or(otherwise, |seconds: u64| seconds * SECOND);
        if wishes.no_cache || self.no_cache || age >= of(wishes.max_age, Millis::MAX) && wishes.max_stale.is_none() {
            return Use::Validate;
        }
        if age.saturating_add(of(wishes.min_fresh, 0)) < self.lifetime {
            return Use::Now;
        }
        if wishes.min_fresh.is_some() {
            return Use::Validate;
        }
        let stale = age.saturating_sub(self.lifetime);
        if !self.strict && stale < of(wishes.max_stale, 0) {
            return Use::Now;
        }
        if wishes.max_age.is_none() && stale < self.while_revalidate { Use::Meanwhile } else { Use::Validate }
    }

    /// May it be served now because the origin failed?
    pub(super) fn serves_on_error(&self, now: Millis) -> bool {
        !self.no_cache && self.age(now).saturating_sub(self.lifetime) < self.if_error
    }

    /// How much longer it is of any use: to be served, or to be validated.
    pub(super) fn left(&self, now: Millis, keep: Duration) -> Duration {
        let after = self.while_revalidate.max(self.if_error).max(millis(keep));
        Duration::from_millis(self.lifetime.saturating_sub(self.age(now)).saturating_add(after))
    }

    /// Is it of no use without being validated?
    pub(super) fn is_spent(&self, now: Millis) -> bool {
        !self.is_fresh(now) && (self.no_cache || self.while_revalidate.max(self.if_error) == 0)
    }
}

/// How long it is fresh, as it says itself.
fn explicit(headers: &HeaderMap, control: &Control, is_targeted: bool, date: Millis) -> Option<Millis> {
    if let Some(seconds) = control.lifetime() {
        return Some(seconds * SECOND);
    }
    if is_targeted || !headers.contains_key(EXPIRES) {
        return None;
    }
    // What is no date is past (section 5.3); of two nobody knows which one is meant.
    Some(only(headers, &EXPIRES).and_then(read_date).map_or(0, |expires| expires.saturating_sub(date)))
}

/// Does it say itself how long it is fresh, be it not at all?
pub(super) fn says_how_long(headers: &HeaderMap, (control, is_targeted): &(Control, bool)) -> bool {
    control.lifetime().is_some() || !is_targeted && headers.contains_key(EXPIRES)
}

/// How long it is fresh by the settings, or by its looks.
fn guessed(
    (status, headers): (StatusCode, &HeaderMap),
    control: &Control,
    settings: &Settings,
    date: Millis,
) -> Millis {
    if !is_usual(status) && !control.public {
        return 0;
    }
    if let Some(ttl) = settings.default_ttl {
        return millis(ttl);
    }
    let modified = headers.get(LAST_MODIFIED).and_then(read_date).filter(|_| settings.heuristic);
    modified.map_or(0, |modified| (date.saturating_sub(modified) / GUESS).min(LONGEST_GUESS))
}

/// Statuses that may be kept without saying so (RFC 9110, section 15.1).
pub(super) fn is_usual(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// One number, as a cache before us wrote it. What is anything else may hide any age, and is taken for old.
fn read_age(headers: &HeaderMap) -> Millis {
    if !headers.contains_key(AGE) {
        return 0;
    }
    only(headers, &AGE).and_then(|age| seconds(age.as_bytes())).map_or(Millis::MAX / 4, |age| age * SECOND)
}

/// The value of a field that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

/// A date of HTTP, in each of its three forms.
pub(super) fn read_date(value: &HeaderValue) -> Option<Millis> {
    let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    Some(millis(date.duration_since(UNIX_EPOCH).ok()?))
}

/// The time now, as HTTP writes it.
pub(super) fn date_of(clock: &Clock) -> Option<HeaderValue> {
    // The year 9999 is the last that HTTP can write.
    let now = clock.now().min(253_402_300_799_000);
    let date: SystemTime = UNIX_EPOCH + Duration::from_millis(now);
    HeaderValue::try_from(httpdate::fmt_http_date(date)).ok()
}
