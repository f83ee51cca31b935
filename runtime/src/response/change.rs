//! Requests that change something: what is stored for their addresses is out of date. RFC 9111, section 4.4.

use http::header::{AUTHORIZATION, CONTENT_LOCATION, HOST, HeaderMap, LOCATION};
use http::request::Request;
use http::{Response, StatusCode, Uri};
use http_body::Body;
use tower_service::Service;

use super::ResponseCache;
use super::address::asked;
use super::body::ResponseBody;
use super::freshen::{freshened, is_of};
use super::handled::Handled;
use super::place::Place;
use super::refusal::Bypass;
use super::serve::{Found, Served};
use super::stored::Origin;
use crate::stats::count;

/// A request that names more hosts is of the first ones, as far as changes go.
const MOST_HOSTS: usize = 4;

/// Takes back what is stored for an address when it is dropped: whoever asked for a change and went away may have got
/// it.
struct Overdue<'a> {
    responses: &'a ResponseCache,
    places: Vec<Place>,
}

impl ResponseCache {
    /// Hands on a request that may change something. Unless that was refused, what is stored for its address, and for
    /// those of the same host that the answer names, is invalidated before the answer is given.
    pub(super) async fn change<S, A, B>(self, mut service: S, request: Request<A>) -> Served<B, S::Error>
    where
        S: Service<Request<A>, Response = Response<B>>,
        B: Body,
    {
        let (head, body) = request.into_parts();
        let (uri, host) = (asked(&head, self.settings()).into_owned(), host_of(&head.headers));
        let mut places = Place::all_of(&head, self.settings());
        places.truncate(MOST_HOSTS);
        // Of what is not cached nothing is to be taken back, and the log is spared.
        let is_taken = |place: &Place| self.settings().takes(place.path());
        let overdue = places.iter().filter(|place| is_taken(place)).cloned().collect();
        let mut overdue = Overdue { responses: &self, places: overdue };
        // A failure does not say that nothing was changed: what is overdue is then taken back at the end.
        let (mut parts, body) = service.call(Request::from_parts(head, body)).await?.into_parts();
        if parts.status.is_success() || parts.status.is_redirection() {
            overdue.places = self.named(&uri, &host, places, &parts.headers);
        } else if !may_have_changed(parts.status) {
            overdue.places.clear();
        }
        let places = std::mem::take(&mut overdue.places);
        if !places.is_empty() {
            count(&self.counts().invalidating);
            self.shelf().invalidate(&places).await;
        }
        self.finish(&mut parts.headers, Bypass::Method.told());
        Ok(Response::from_parts(parts, ResponseBody::passed(body)))
    }

    fn named(&self, uri: &Uri, host: &HeaderMap, mut places: Vec<Place>, answer: &HeaderMap) -> Vec<Place> {
        for name in [LOCATION, CONTENT_LOCATION] {
            let beside =
                answer.get(name).and_then(|named| places[0].beside(uri, host, named.as_bytes(), self.settings()));
            places.extend(beside);
        }
        places.dedup();
        places.retain(|place| self.settings().takes(place.path()));
        places
    }

    /// Asks for a head alone: what is stored of the whole is freshened by it, or goes (section 4.3.5).
    pub(super) async fn ask_for_head<S, A, B>(
        &self,
        mut service: S,
        request: Request<A>,
        found: Found,
        handled: Handled,
    ) -> Served<B, S::Error>
    where
        S: Service<Request<A>, Response = Response<B>>,
        B: Body,
    {
        let asked = self.clock().now_assured();
        let headers = request.headers().clone();
        let (mut parts, body) = service.call(request).await?.into_parts();
        if let Some(old) = found.stored
            && !parts.status.is_server_error()
            && !parts.status.is_redirection()
        {
            let kept = if is_of(&old, &parts) {
                let is_authorized = headers.contains_key(AUTHORIZATION);
                let origin = Origin { is_authorized, is_partial: false, asked };
                let (fresh, varies, _) = freshened(&old, &parts, &origin, (self.settings(), self.clock()));
                varies.map(|varies| (fresh, varies))
            } else {
                None
            };
            match kept {
                Some((fresh, varies)) => {
                    drop(self.shelf().put(&found.course.0, &headers, varies, fresh, found.birth).await);
                }
                None => self.shelf().remove(&found.course).await,
            }
        }
        self.finish(&mut parts.headers, handled.told());
        Ok(Response::from_parts(parts, ResponseBody::passed(body)))
    }
}

impl Drop for Overdue<'_> {
    fn drop(&mut self) {
        if !self.places.is_empty() {
            count(&self.responses.counts().invalidating);
            self.responses.shelf().invalidate_behind(&self.places);
        }
    }
}

/// Statuses that do not say whether a change was made: somebody was waited for in vain. (500 does, as the public suite
/// of tests reads it, and 501.)
fn may_have_changed(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status.is_server_error() && !matches!(status.as_u16(), 500 | 501)
}

/// The fields of a request that say which host it is for.
fn host_of(headers: &HeaderMap) -> HeaderMap {
    headers.get_all(HOST).iter().map(|host| (HOST, host.clone())).collect()
}
