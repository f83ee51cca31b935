//! Who may: tokens, hosts, origins, and how often.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{Request, State as FromState};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, RETRY_AFTER};
use axum::http::header::{REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::{DefaultDirectRateLimiter, Quota};
use subtle::ConstantTimeEq;

use super::State;
use super::problem::Problem;
use crate::error::{Error, Result};
use crate::rate::Rate;

/// A token, never shown.
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(token: String) -> Self {
        Self(token)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Can it be sent? Of a file's text the last line's end cannot.
    pub(super) fn can_be_sent(&self) -> bool {
        self.0.trim() == self.0 && self.0.chars().all(|c| c.is_ascii_graphic() || c == ' ')
    }

    /// Is it this one? As long for a good beginning as for none.
    fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a request wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Fetch what everybody may know: the page without figures, the description.
    Nothing,
    Read,
    Write,
}

/// Lets requests in, or not.
pub(super) struct Gate {
    reads: Option<Token>,
    writes: Option<Token>,
    open_reads: bool,
    hosts: Vec<String>,
    /// One for each standing: however many there are of one, others are answered.
    limiters: [DefaultDirectRateLimiter; 3],
}

/// Whose request it is, by the token that it brings.
#[derive(Debug, Clone, Copy)]
enum Standing {
    Stranger,
    Reader,
    Operator,
}

impl Gate {
    pub(super) fn new(
        reads: Option<Token>,
        writes: Option<Token>,
        open_reads: bool,
        hosts: Vec<String>,
        rate: Rate,
    ) -> Result<Self> {
        let none = || Error::config("rate", "has to be from one request in a time to a thousand million in a second");
        let most = NonZeroU32::new(rate.loads()).ok_or_else(none)?;
        let each = rate.per().checked_div(most.get()).unwrap_or_default();
        let quota = Quota::with_period(each).ok_or_else(none)?.allow_burst(most);
        let limiters = std::array::from_fn(|_| DefaultDirectRateLimiter::direct(quota));
        Ok(Self { reads, writes, open_reads, hosts, limiters })
    }

    /// Would a change with these headers be let in?
    pub(super) fn may_change(&self, headers: &HeaderMap) -> bool {
        self.check_token(Role::Write, headers).is_ok()
    }

    /// Is there anybody who may change things?
    pub(super) fn has_changes(&self) -> bool {
        self.writes.is_some()
    }

    /// May this request in? Who has a token is not kept out by those who have none, nor who may change things by those who
    /// look on, however many they are.
    fn admit(&self, role: Role, request: &Request) -> std::result::Result<(), Problem> {
        let judged = self.check_host(request).and_then(|()| self.check_token(role, request.headers()));
        let standing = if judged.is_ok() { self.standing(request.headers()) } else { Standing::Stranger };
        if self.limiters[standing as usize].check().is_err() {
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too many requests; come again in a second");
            return Err(problem.beside(RETRY_AFTER, "1"));
        }
        judged
    }

    /// A page from elsewhere cannot reach it, also if its name was made to point here.
    fn check_host(&self, request: &Request) -> std::result::Result<(), Problem> {
        let refuse = |text: &str| Err(Problem::new(StatusCode::FORBIDDEN, text));
        let headers = request.headers();
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        // HTTP/2 names the host in another place.
        let host = text(HOST).or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
        let Some(host) = host else { return refuse("a request names the host it is for") };
        if !self.is_ours(host) {
            return refuse("this host is not one of ours; name it with `Admin::host`");
        }
        match text(ORIGIN) {
            Some(origin) if !is_of(origin, host) => refuse("pages of other origins may not"),
            _ if text_is(headers, "sec-fetch-site", "cross-site") => refuse("pages of other origins may not"),
            _ => Ok(()),
        }
    }

    /// Which of our tokens is it, if any?
    fn standing(&self, headers: &HeaderMap) -> Standing {
        match self.tokens(headers) {
            (_, true) => Standing::Operator,
            (true, false) => Standing::Reader,
            (false, false) => Standing::Stranger,
        }
    }

    /// Is it the read token, and is it the write token? Both are compared, whatever the first says.
    fn tokens(&self, headers: &HeaderMap) -> (bool, bool) {
        let given = given(headers);
        let is = |token: &Option<Token>| given.is_some_and(|given| token.as_ref().is_some_and(|token| token.is(given)));
        (is(&self.reads), is(&self.writes))
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => &host,
        };
        matches!(name, "localhost" | "127.0.0.1" | "[::1]") || self.hosts.contains(&host)
    }

    fn check_token(&self, role: Role, headers: &HeaderMap) -> std::result::Result<(), Problem> {
        let (reads, writes) = self.tokens(headers);
        let unknown = || {
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "needs a token: `Authorization: Bearer ..`");
            Err(problem.beside(WWW_AUTHENTICATE, "Bearer"))
        };
        match role {
            Role::Nothing => Ok(()),
            Role::Read if reads || writes || (self.open_reads && given(headers).is_none()) => Ok(()),
            Role::Read => unknown(),
            Role::Write if writes => Ok(()),
            Role::Write if self.writes.is_none() => {
                let text = "nothing can be changed: no write token was set, see `Admin::write_token`";
                Err(Problem::new(StatusCode::FORBIDDEN, text))
            }
            Role::Write if reads => {
                Err(Problem::new(StatusCode::FORBIDDEN, "this token reads; changes need the write token"))
            }
            Role::Write => unknown(),
        }
    }
}

/// The token that comes with a request.
fn given(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn text_is(headers: &HeaderMap, name: &str, text: &str) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes() == text.as_bytes())
}

/// Is this the origin of that host?
fn is_of(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host))
}

/// Lets requests for this role in.
pub(super) async fn guard(
    FromState((state, role)): FromState<(Arc<State>, Role)>,
    request: Request,
    next: Next,
) -> Response {
    match state.gate.admit(role, &request) {
        Ok(()) => {
            // Where the router was made there may have been no runtime, or it is gone.
            state.cache.watch();
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Lets everybody in who asks for one of our hosts, however many they are: for what costs nothing to answer.
pub(super) async fn welcome(FromState(state): FromState<Arc<State>>, request: Request, next: Next) -> Response {
    match state.gate.check_host(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// What no answer goes without: nothing is kept, framed, sniffed or run that is not ours.
pub(super) async fn seal(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (axum::http::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_ours_by_name_and_not_by_what_they_begin_with() {
        let gate = Gate::new(None, None, true, vec!["ops.example.com".to_owned()], Rate::of(1, 1_000)).expect("a gate");
        for ours in ["localhost", "LOCALHOST:9090", "127.0.0.1:1", "[::1]:80", "ops.example.com"] {
            assert!(gate.is_ours(ours), "{ours}");
        }
        for theirs in ["evil.com", "localhost.evil.com", "127.0.0.1.nip.io", "ops.example.com:8080", "", ":80", "[::2]"]
        {
            assert!(!gate.is_ours(theirs), "{theirs}");
        }
        assert!(
            is_of("http://localhost:9", "localhost:9") && !is_of("http://evil:9", "localhost:9") && !is_of("null", "x")
        );
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", Token::new("canary".to_owned())), "Token(..)");
    }
}
