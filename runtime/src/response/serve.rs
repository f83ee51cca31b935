//! The way of a request through the layer.

use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap};
use http::request::{Parts as Head, Request};
use http::{Method, Response, StatusCode};
use http_body::Body;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;
use tracing::Instrument as _;

use super::ResponseCache;
use super::address::says_something;
use super::answer::Asker;
use super::board::{Boarded, Landing, Lead, Permit, Wait};
use super::body::ResponseBody;
use super::conditional::{is_for_origin, is_partial};
use super::control::Wishes;
use super::errand::Errand;
use super::handled::Handled;
use super::kept::Course;
use super::place::Place;
use super::refusal::Bypass;
use super::stored::Stored;
use super::times::Use;
use crate::log::Birth;
use crate::stats::count;

/// Who waited for a response that turned out to be for others looks so often again.
const TURNS: usize = 3;

/// The answer of a service behind the layer.
pub(super) type Served<B, E> = Result<Response<ResponseBody<B>>, E>;

/// What was found for a request.
pub(super) struct Found {
    pub(super) stored: Option<Arc<Stored>>,
    pub(super) course: Course,
    /// Taken before anything was looked for.
    pub(super) birth: Birth,
    /// It is its turn to ask, after another failed.
    pub(super) permit: Option<Permit>,
}

/// What is to be done for a request.
enum Turn<B: Body> {
    Answer(Response<ResponseBody<B>>),
    /// Answer, and ask the service for all who come later.
    Behind(Response<ResponseBody<B>>, Found, Lead),
    /// Ask the service, perhaps for others, too.
    Go(Found, Option<Lead>, Handled),
}

impl ResponseCache {
    /// Answers a request from the cache, or has the service answer it.
    pub(super) async fn serve<S, A, B>(self, service: S, request: Request<A>) -> Served<B, S::Error>
    where
        S: Service<Request<A>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Send + 'static,
        A: Body + Send + 'static,
        B: Body + Send + 'static,
        B::Error: Send,
    {
        let (head, body) = request.into_parts();
        match head.method {
            Method::GET | Method::HEAD => {}
            // Boxed, as all that follows but a hit: else a hit would carry the room for it.
            Method::OPTIONS | Method::TRACE | Method::CONNECT => {
                return Box::pin(self.pass(service, Request::from_parts(head, body), Bypass::Method)).await;
            }
            _ => return Box::pin(self.change(service, Request::from_parts(head, body))).await,
        }
        let wishes = Wishes::of(&head.headers);
        let is_for_service = wishes.no_store || is_for_origin(&head.headers) || says_something(&body);
        let place = match Place::of(&head, self.settings()) {
            None => Err(Bypass::Host),
            Some(place) if !self.settings().takes(place.path()) => Err(Bypass::Path),
            Some(_) if is_for_service => Err(Bypass::Request),
            Some(place) => Ok(place),
        };
        let place = match place {
            Ok(place) => place,
            Err(why) => return Box::pin(self.pass(service, Request::from_parts(head, body), why)).await,
        };
        count(&self.counts().asked);
        let wishes = if self.settings().wishes { wishes } else { Wishes::default() };
        match self.turn(&place, &head, &wishes).await {
            Turn::Answer(answer) => Ok(answer),
            Turn::Behind(answer, found, lead) => {
                let mut errand = self.errand(head.headers.clone(), found, Some(lead), Handled::Expired);
                errand.is_counted = true;
                // Who is answered already does not hear of what goes wrong.
                drop(go(errand, service, Request::from_parts(head, body)));
                Ok(answer)
            }
            Turn::Go(_, lead, handled) if wishes.only_if_cached => {
                drop(lead);
                handled.count(self.counts());
                Ok(self.unanswered(handled))
            }
            Turn::Go(found, _, handled) if head.method == Method::HEAD => {
                handled.count(self.counts());
                Box::pin(self.ask_for_head(service, Request::from_parts(head, body), found, handled)).await
            }
            Turn::Go(found, lead, handled) => {
                let errand = self.errand(head.headers.clone(), found, lead, handled);
                Box::pin(go(errand, service, Request::from_parts(head, body))).await
            }
        }
    }

    /// Hands a request on, whose answer is not looked at.
    async fn pass<S, A, B>(self, mut service: S, request: Request<A>, why: Bypass) -> Served<B, S::Error>
    where
        S: Service<Request<A>, Response = Response<B>>,
        B: Body,
    {
        let (mut parts, body) = service.call(request).await?.into_parts();
        self.finish(&mut parts.headers, why.told());
        Ok(Response::from_parts(parts, ResponseBody::passed(body)))
    }

    /// Looks for an answer; where there is none, waits for who asks the service for the same, or is the one who does.
    async fn turn<B: Body>(&self, place: &Place, head: &Head, wishes: &Wishes) -> Turn<B> {
        let asker = Asker { headers: &head.headers, is_head: head.method == Method::HEAD };
        let (mut turns, mut permit) = (0, None);
        loop {
            let birth = self.shelf().birth();
            let (stored, selected) = self.shelf().find(place, asker.headers).await;
            let stored = stored.filter(|stored| self.may_have(stored, asker.headers));
            if let Some(stored) = &stored
                && let (Use::Now, answers) = self.usable(stored, wishes)
            {
                return Turn::Answer(self.answer_as(stored, asker, answers).await);
            }
            let mut found = Found { stored, course: (place.clone(), selected), birth, permit: None };
            let handled = match &found.stored {
                None if self.shelf().is_paused() => Handled::Paused,
                None => Handled::Miss,
                Some(stored) => match self.usable(stored, wishes) {
                    (Use::Meanwhile, _) => return self.meanwhile(Arc::clone(stored), found, asker).await,
                    (_, instead) => instead,
                },
            };
            if let Some(stored) = &found.stored
                && stored.times.serves_on_error(self.clock().now())
                && self.is_held(&found, asker.headers)
            {
                return Turn::Answer(self.answer_as(stored, asker, Handled::Stale).await);
            }
            turns += 1;
            let is_alone = asker.is_head
                || wishes.only_if_cached
                || turns > TURNS
                || permit.is_some()
                || found.stored.is_none() && is_partial(asker.headers);
            if is_alone {
                found.permit = permit;
                return Turn::Go(found, None, handled);
            }
            match self.board(&found, asker.headers, wishes) {
                Boarded::Alone => return Turn::Go(found, None, handled),
                Boarded::Lead(lead) => return Turn::Go(found, Some(lead), handled),
                Boarded::Again => {}
                Boarded::Wait(wait) => {
                    let turn = Box::pin(self.wait(wait, found, asker, wishes, handled, &mut permit)).await;
                    if let Some(turn) = turn {
                        return turn;
                    }
                }
            }
        }
    }

    /// Waits for what another request brings. Nothing if it is to be looked again: that was for others, or with a
    /// permit it is one's turn to ask.
    async fn wait<B: Body>(
        &self,
        wait: Wait,
        found: Found,
        asker: Asker<'_>,
        wishes: &Wishes,
        handled: Handled,
        permit: &mut Option<Permit>,
    ) -> Option<Turn<B>> {
        let until = Instant::now() + self.settings().patience;
        let landing = timeout_at(until, wait.landed()).await.unwrap_or_default();
        let (stored, as_) = match landing {
            // What is for one alone; or it takes too long.
            None | Some(Landing::Flying | Landing::Apart) => return Some(Turn::Go(found, None, handled)),
            Some(Landing::Failed(turns)) => {
                *permit = timeout_at(until, turns.acquire_owned()).await.ok().and_then(Result::ok);
                return permit.is_none().then_some(Turn::Go(found, None, handled));
            }
            Some(Landing::Stored(_, varies, selected)) if varies.selected(asker.headers) != selected => {
                return None;
            }
            Some(Landing::Again) => return None,
            Some(Landing::Stored(stored, ..)) => (stored, Handled::Joined),
            Some(Landing::Stale(stored)) => (stored, Handled::Stale),
        };
        Some(if !self.may_have(&stored, asker.headers) {
            Turn::Go(found, None, handled)
        } else if as_ == Handled::Stale || matches!(self.usable(&stored, wishes), (Use::Now, _)) {
            Turn::Answer(self.answer_as(&stored, asker, as_).await)
        } else {
            // To be validated for each, so each goes himself.
            Turn::Go(Found { stored: Some(stored), ..found }, None, handled)
        })
    }

    /// Answers with what is past its time, and lets the service be asked unless somebody does already.
    async fn meanwhile<B: Body>(&self, stored: Arc<Stored>, found: Found, asker: Asker<'_>) -> Turn<B> {
        let answer = self.answer_as(&stored, asker, Handled::Stale).await;
        if asker.is_head || self.is_held(&found, asker.headers) {
            return Turn::Answer(answer);
        }
        match self.board(&found, asker.headers, &Wishes::default()) {
            Boarded::Lead(lead) => Turn::Behind(answer, found, lead),
            Boarded::Wait(_) | Boarded::Alone | Boarded::Again => Turn::Answer(answer),
        }
    }

    /// What may be done with a response now, and how that is called.
    fn usable(&self, stored: &Stored, wishes: &Wishes) -> (Use, Handled) {
        let now = self.clock().now();
        let is_fresh = stored.times.is_fresh(now);
        let usable = stored.times.usable(wishes, now);
        let handled = match usable {
            Use::Now if is_fresh => Handled::Hit,
            Use::Now | Use::Meanwhile => Handled::Stale,
            Use::Validate if is_fresh => Handled::Refused,
            Use::Validate => Handled::Expired,
        };
        (usable, handled)
    }

    /// Who is authorized may be told something else than others, unless the response says that it is for all.
    fn may_have(&self, stored: &Stored, request: &HeaderMap) -> bool {
        stored.is_for_all || self.settings().authorized || !request.contains_key(AUTHORIZATION)
    }

    /// Has the service failed to answer this just now?
    fn is_held(&self, found: &Found, request: &HeaderMap) -> bool {
        let name = self.shelf().name_of(&found.course, request.contains_key(AUTHORIZATION));
        self.flights().is_held(&name, self.clock().now())
    }

    fn board(&self, found: &Found, request: &HeaderMap, wishes: &Wishes) -> Boarded {
        let name = self.shelf().name_of(&found.course, request.contains_key(AUTHORIZATION));
        let now = self.clock().now();
        let is_joinable = |birth: &Birth| self.shelf().is_unmoved(&found.course.0, birth);
        match self.flights().board(&name, found.birth, now, is_joinable) {
            // Between the look and this another may have landed: no flight shows it any more, but near does.
            Boarded::Lead(lead) if self.has_landed(&found.course.0, request, wishes) => {
                lead.land(Landing::Again);
                Boarded::Again
            }
            boarded => boarded,
        }
    }

    /// Has near, by now, what answers this as it is?
    fn has_landed(&self, place: &Place, request: &HeaderMap, wishes: &Wishes) -> bool {
        let stored = self.shelf().look_again(place, request).filter(|stored| self.may_have(stored, request));
        stored.is_some_and(|stored| matches!(self.usable(&stored, wishes), (Use::Now, _)))
    }

    async fn answer_as<B: Body>(
        &self,
        stored: &Arc<Stored>,
        asker: Asker<'_>,
        as_: Handled,
    ) -> Response<ResponseBody<B>> {
        as_.count(self.counts());
        self.answer(stored, asker, as_, false).await
    }

    fn errand(&self, headers: HeaderMap, found: Found, lead: Option<Lead>, handled: Handled) -> Errand {
        let is_plain = found.stored.is_some() || !is_partial(&headers);
        let Found { stored: old, course, birth, permit } = found;
        let (responses, is_counted) = (self.clone(), false);
        Errand { responses, course, headers, old, birth, lead, permit, handled, is_counted, is_plain }
    }

    /// The answer to who wants nothing but what is stored (RFC 9111, section 5.2.1.7).
    fn unanswered<B: Body>(&self, handled: Handled) -> Response<ResponseBody<B>> {
        let mut response = Response::new(ResponseBody::default());
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
        self.finish(response.headers_mut(), handled.told());
        response
    }
}

/// Sends somebody to the service, who goes on if nobody waits for him any more. He is on his way when this returns.
fn go<S, A, B>(errand: Errand, service: S, request: Request<A>) -> impl Future<Output = Served<B, S::Error>> + Send
where
    S: Service<Request<A>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    A: Send + 'static,
    B: Body + Send + 'static,
    B::Error: Send,
{
    let (tell, told) = oneshot::channel();
    let work = errand.run(service, request, tell).in_current_span();
    let (task, work) = match tokio::runtime::Handle::try_current() {
        Ok(runtime) => (Some(runtime.spawn(work)), None),
        Err(_) => (None, Some(work)),
    };
    async move {
        if let Some(work) = work {
            work.await;
        }
        if let Ok(answer) = told.await {
            return answer;
        }
        match task {
            Some(task) => match task.await {
                // It is the service's own, and goes on as it would have without the layer.
                Err(failed) if failed.is_panic() => resume_unwind(failed.into_panic()),
                // The runtime ends, and this with it.
                _ => pending().await,
            },
            None => pending().await,
        }
    }
}
