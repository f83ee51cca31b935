//! One request to the service: what is asked, what is kept of the answer, and what others get of it.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, SET_COOKIE};
use http::request::Request;
use http::response::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use tokio::sync::oneshot;
use tower_service::Service;

use super::ResponseCache;
use super::answer::Asker;
use super::board::{Landing, Lead, Permit};
use super::body::ResponseBody;
use super::conditional::ask_for_news;
use super::control::Control;
use super::freshen::{freshened, give_own};
use super::handled::Handled;
use super::kept::Course;
use super::media::is_stream;
use super::refusal::Refusal;
use super::stored::{Draft, Origin, Stored, is_of_request};
use super::tape::{Recorded, Recorder};
use super::vary::Varies;
use crate::clock::Millis;
use crate::join::unless;
use crate::log::Birth;
use crate::stats::count;

/// For a body that does not say how long it is others wait for this part of their patience.
const PART_OF_PATIENCE: u32 = 5;

/// What is asked of the service, and for whom.
pub(super) struct Errand {
    pub(super) responses: ResponseCache,
    pub(super) course: Course,
    /// The client's own, before anything was asked on behalf of the cache.
    pub(super) headers: HeaderMap,
    /// What is to be asked about, if it is.
    pub(super) old: Option<Arc<Stored>>,
    pub(super) birth: Birth,
    /// Others wait for it, or may.
    pub(super) lead: Option<Lead>,
    /// It is its turn, after another failed; others wait for theirs.
    pub(super) permit: Option<Permit>,
    pub(super) handled: Handled,
    /// Was it counted what its client got?
    pub(super) is_counted: bool,
    /// Is an answer that is not stored a reason to let nobody wait for the next?
    pub(super) is_plain: bool,
}

/// Where the client waits.
pub(super) type Tell<B, E> = oneshot::Sender<Result<Response<ResponseBody<B>>, E>>;

impl Errand {
    /// Goes, and tells as soon as there is something to tell. Goes on when nobody listens any more: others may want it.
    pub(super) async fn run<S, A, B>(mut self, mut service: S, request: Request<A>, mut tell: Tell<B, S::Error>)
    where
        S: Service<Request<A>, Response = Response<B>>,
        B: Body,
    {
        let asked = self.responses.clock().now_assured();
        let (mut head, body) = request.into_parts();
        let asks_for_news = match &self.old {
            Some(old) => ask_for_news(&mut head.headers, old),
            None => false,
        };
        if asks_for_news {
            count(&self.responses.counts().validations);
        }
        let patience = self.responses.settings().patience;
        // Who has been answered already is gone from the beginning.
        let given_up = async {
            tell.closed().await;
            tokio::time::sleep(patience).await;
        };
        let Some(answer) = unless(service.call(Request::from_parts(head, body)), given_up).await else {
            return self.count(self.handled);
        };
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                if let Some(tell) = self.serve_old(tell).await {
                    self.count(self.handled);
                    // Who asked may be gone.
                    drop(tell.send(Err(error)));
                }
                return;
            }
        };
        let (parts, body) = response.into_parts();
        if has_failed(parts.status) {
            match self.serve_old(tell).await {
                Some(still) => tell = still,
                None => return,
            }
        }
        match &self.old {
            Some(old) if asks_for_news && parts.status == StatusCode::NOT_MODIFIED => {
                let old = Arc::clone(old);
                self.still_stands(&old, &parts, asked, tell).await;
            }
            _ => self.news(parts, body, asked, tell).await,
        }
    }

    /// Counts once what its client got.
    fn count(&mut self, as_: Handled) {
        if !self.is_counted {
            self.is_counted = true;
            as_.count(self.responses.counts());
        }
    }

    /// Tells the client what is stored, with what the service said to it alone: these fields of its answer.
    async fn tell_stored<B: Body, E>(
        &mut self,
        tell: Tell<B, E>,
        stored: &Arc<Stored>,
        as_: Handled,
        (own, is_news): (Option<(&Parts, &Control)>, bool),
    ) {
        self.count(as_);
        // Nobody gets it: it is not made, either.
        if tell.is_closed() {
            return;
        }
        let mut answer = self.responses.answer(stored, self.asker(), as_, is_news).await;
        if let Some((parts, said)) = own {
            let cookies = (parts.status == StatusCode::NOT_MODIFIED).then_some(&SET_COOKIE);
            give_own(answer.headers_mut(), parts, said.named().chain(cookies), self.responses.settings());
        }
        drop(tell.send(Ok(answer)));
    }

    /// The stored response, if the origin failed and it may be served; else the client waits on. Nobody asks again for
    /// a moment.
    async fn serve_old<B: Body, E>(&mut self, tell: Tell<B, E>) -> Option<Tell<B, E>> {
        let now = self.responses.clock().now();
        let Some(old) = self.old.clone().filter(|old| old.times.serves_on_error(now)) else { return Some(tell) };
        // Who asks must not be told what was invalidated meanwhile.
        if !self.responses.shelf().is_current(&self.course, &old.tags, &self.birth) {
            return Some(tell);
        }
        self.responses.flights().hold(self.name(), now);
        if let Some(lead) = self.lead.take() {
            lead.land(Landing::Stale(Arc::clone(&old)));
        }
        self.tell_stored(tell, &old, Handled::Stale, (None, false)).await;
        None
    }

    /// The origin says that the stored response is as it was.
    async fn still_stands<B: Body, E>(&mut self, old: &Arc<Stored>, parts: &Parts, asked: Millis, tell: Tell<B, E>) {
        let responses = self.responses.clone();
        count(&responses.counts().validated);
        let origin = self.origin(asked);
        let (fresh, varies, said) = freshened(old, parts, &origin, (responses.settings(), responses.clock()));
        let fresh = match varies {
            Some(varies) => self.put(varies, fresh).await.0,
            None => {
                responses.shelf().remove(&self.course).await;
                Arc::new(fresh)
            }
        };
        self.tell_stored(tell, &fresh, self.handled, (Some((parts, &said)), false)).await;
    }

    /// Another response than what is stored, if anything is.
    async fn news<B: Body, E>(mut self, parts: Parts, body: B, asked: Millis, tell: Tell<B, E>) {
        let responses = self.responses.clone();
        let settings = responses.settings();
        let size = body.size_hint();
        let draft = Draft::of(&parts, &self.origin(asked), settings, responses.clock());
        let is_long = size.lower() > settings.max_body as u64;
        let is_endless = size.exact().is_none() && is_stream(&parts.headers);
        let draft = draft.and_then(|draft| match (is_long, is_endless) {
            (true, _) => Err(Refusal::TooLong),
            (_, true) => Err(Refusal::Endless),
            _ => Ok(draft),
        });
        let draft = match draft {
            Ok(draft) => draft,
            Err(why) => {
                self.not_kept(&parts, why).await;
                self.count(self.handled);
                drop(tell.send(Ok(self.passed(parts, ResponseBody::passed(body), Some(why)))));
                return;
            }
        };
        let mut recorder = Recorder::new(body, settings.max_body);
        let ready = recorder.record_ready().await;
        if let Recorded::Whole(bytes) = ready {
            if let Some((stored, is_kept)) = self.keep(draft, bytes.clone()).await {
                let (said, _) = Control::of(&parts.headers, &settings.targets);
                self.tell_stored(tell, &stored, self.handled, (Some((&parts, &said)), is_kept)).await;
            } else {
                self.not_kept(&parts, Refusal::Broken).await;
                self.count(self.handled);
                drop(tell.send(Ok(self.passed(parts, ResponseBody::kept(bytes), Some(Refusal::Broken)))));
            }
            return;
        }
        // It is not all there: who asked gets it as it comes.
        let reader = recorder.reader();
        let live = self.passed(parts.clone(), ResponseBody::live(reader, size), ready.refusal());
        self.count(self.handled);
        drop(tell.send(Ok(live)));
        let recorded = match ready {
            Recorded::Waiting => self.record(&mut recorder, size.exact().is_none()).await,
            over => over,
        };
        let refusal = match recorded {
            Recorded::Whole(bytes) => self.keep(draft, bytes).await.is_none().then_some(Refusal::Broken),
            other => other.refusal(),
        };
        if let Some(why) = refusal {
            self.not_kept(&parts, why).await;
        }
        // Not before: who has read it to its end finds it.
        recorder.finish();
    }

    /// Records the rest. What does not say how long it is may have no end: nobody waits long for it.
    async fn record<B: Body>(&mut self, recorder: &mut Recorder<B>, is_open: bool) -> Recorded {
        let patience = self.responses.settings().patience;
        let mut rest = pin!(recorder.record(patience));
        let has_timers = tokio::runtime::Handle::try_current().is_ok();
        let long_enough = async {
            if !is_open || !has_timers {
                pending::<()>().await;
            }
            tokio::time::sleep(patience / PART_OF_PATIENCE).await;
        };
        if let Some(recorded) = unless(rest.as_mut(), long_enough).await {
            return recorded;
        }
        self.permit = None;
        if let Some(lead) = self.lead.take() {
            self.responses.flights().keep_apart(self.name(), self.responses.clock().now());
            lead.land(Landing::Apart);
        }
        rest.await
    }

    /// Stores a response, and lets those have it who wait.
    async fn keep(&mut self, draft: Draft, body: bytes::Bytes) -> Option<(Arc<Stored>, bool)> {
        let responses = &self.responses;
        let (id, varies) = (responses.shelf().id_of(&body), draft.varies.clone());
        let stored = draft.with(body, id, responses.settings(), responses.clock())?;
        let (stored, is_kept) = self.put(varies, stored).await;
        if is_kept {
            count(&self.responses.counts().stored);
        }
        Some((stored, is_kept))
    }

    /// Nothing is kept of the answer: what was kept before is out of date, unless the answer says nothing of it.
    async fn not_kept(&mut self, parts: &Parts, why: Refusal) {
        why.count(&self.responses.counts().not_kept);
        let now = self.responses.clock().now();
        let has_failed = parts.status.is_server_error();
        let says_nothing = has_failed || is_of_request(parts.status);
        if self.old.is_some() && !says_nothing {
            self.responses.shelf().remove(&self.course).await;
        }
        if has_failed {
            self.responses.flights().hold(self.name(), now);
        }
        let lead = self.lead.take();
        // Without a landing those who wait ask in turns: what one was told may not be what they are.
        if self.is_plain && !says_nothing {
            self.responses.flights().keep_apart(self.name(), now);
            if let Some(lead) = lead {
                lead.land(Landing::Apart);
            }
        }
    }

    /// Puts a response where it is found, and gives it to those who wait.
    async fn put(&mut self, varies: Varies, stored: Stored) -> (Arc<Stored>, bool) {
        let shelf = self.responses.shelf();
        let selected = varies.selected(&self.headers);
        let (stored, is_kept) = shelf.put(&self.course.0, &self.headers, varies.clone(), stored, self.birth).await;
        match self.lead.take() {
            Some(lead) => lead.land(Landing::Stored(Arc::clone(&stored), varies, selected)),
            None => self.responses.flights().bring_together(&self.name()),
        }
        (stored, is_kept)
    }

    fn origin(&self, asked: Millis) -> Origin {
        let is_authorized = self.headers.contains_key(AUTHORIZATION);
        Origin { is_authorized, is_partial: !self.is_plain, asked }
    }

    /// The name by which others find this flight.
    fn name(&self) -> String {
        self.responses.shelf().name_of(&self.course, self.headers.contains_key(AUTHORIZATION))
    }

    fn passed<B: Body>(&self, parts: Parts, body: ResponseBody<B>, why: Option<Refusal>) -> Response<ResponseBody<B>> {
        let mut response = Response::from_parts(parts, body);
        self.responses.finish(response.headers_mut(), self.handled.told().not_kept(why));
        response
    }

    fn asker(&self) -> Asker<'_> {
        Asker { headers: &self.headers, is_head: false }
    }
}

/// Statuses by which an origin says that it failed (RFC 5861, section 4).
const fn has_failed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}
