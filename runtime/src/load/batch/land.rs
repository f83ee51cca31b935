//! The end of a batch: its answer is taken apart, and each element lands by itself.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::fly::Part;
use crate::batched::{Apart, Batched, Misfit};
use crate::depth::Depth;
use crate::error::Error;
use crate::flight::{FlightId, Landing, message_of};
use crate::key::KeyPart;
use crate::outcome::{Shape, Sort};
use crate::shelf::Shelf;
use crate::stats::count;

impl<T, K, S, R, D, V> Part<T, K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Lands all of them with what the body came to. Answers whether it failed. What it has seen of a transaction is for
    /// those alone whose flight is `withheld`.
    pub(super) fn land_all<B>(
        shelf: &Shelf<K, V, R>,
        parts: Vec<Self>,
        made: Result<Result<B, Error>, Box<dyn Any + Send>>,
        withheld: Option<FlightId>,
    ) -> bool
    where
        B: Batched<T, One = R>,
        T: Clone,
    {
        let asked: Vec<T> = parts.iter().map(|part| part.id.clone()).collect();
        // Elements are compared by their own code.
        let apart = |answer: B| catch_unwind(AssertUnwindSafe(|| answer.apart(&asked)));
        let made = match made {
            Ok(Ok(answer)) => apart(answer).map(Ok),
            Ok(Err(refused)) => Ok(Err(refused)),
            Err(payload) => Err(payload),
        };
        match made {
            Ok(Ok(Apart::Each(answers, others))) => {
                if others > 0 {
                    tracing::debug!(site = %shelf.sign.name, others, "answers that nobody has asked for are dropped");
                }
                for (part, answer) in parts.into_iter().zip(answers) {
                    part.land_guarded::<B>(shelf, answer, withheld);
                }
                return false;
            }
            Ok(Ok(Apart::Failed(failure))) => Self::land_failure::<B>(shelf, parts, failure, withheld),
            Ok(Ok(Apart::Misfit(misfit))) => {
                Self::land_panic(shelf, parts, Box::new(said(&shelf.sign.name, asked.len(), misfit)));
            }
            Ok(Err(refused)) => {
                for part in parts {
                    part.miss.land_failed(part.lead, shelf, || Landing::Refused(refused.clone()));
                }
            }
            Err(payload) => Self::land_panic(shelf, parts, payload),
        }
        true
    }

    /// `cache_if` and its like are the user's: one that panics loses its own element.
    fn land_guarded<B: Batched<T, One = R>>(self, shelf: &Shelf<K, V, R>, answer: R, withheld: Option<FlightId>) {
        if catch_unwind(AssertUnwindSafe(|| self.land_one::<B>(shelf, answer, withheld))).is_err() {
            count(&shelf.counters.panics);
        }
    }

    fn land_one<B: Batched<T, One = R>>(self, shelf: &Shelf<K, V, R>, answer: R, withheld: Option<FlightId>) {
        let Self { miss, lead, .. } = self;
        if let Some(mine) = withheld {
            // Who waits has to look for himself, and so has who was gathered.
            let answer = (lead.flight().id == mine).then_some(answer);
            lead.land(|| {}, Landing::Withheld(answer));
            return;
        }
        let birth = lead.flight().birth;
        if miss.share.is_some() {
            return miss.land_made(lead, shelf, answer, birth, None);
        }
        // That there is nothing can be told to all, though an error could not.
        let answer = match miss.shape.split(answer) {
            Ok((value, _)) => miss.shape.join(value),
            Err((nothing, Sort::Nothing)) => {
                let landing = Landing::Passed { result: Some(nothing), share: Some(|_| B::absent()) };
                return miss.land_unkept(lead, shelf, landing);
            }
            Err((failure, _)) => failure,
        };
        miss.land_made(lead, shelf, answer, birth, None);
    }

    /// It is left of a load that has failed: who wants it looks for himself.
    pub(super) fn land_unasked(self, shelf: &Shelf<K, V, R>) {
        self.miss.land_failed(self.lead, shelf, || Landing::Passed { result: None, share: None });
    }

    /// One failure for all: each has a copy, or else the first has it and the others look for themselves.
    fn land_failure<B: Batched<T, One = R>>(
        shelf: &Shelf<K, V, R>,
        parts: Vec<Self>,
        failure: R,
        withheld: Option<FlightId>,
    ) {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else { return };
        for part in parts {
            match part.miss.share.map(|copy| copy(&failure)) {
                Some(copy) => part.land_one::<B>(shelf, copy, withheld),
                None => part.land_unasked(shelf),
            }
        }
        first.land_one::<B>(shelf, failure, withheld);
    }

    fn land_panic(shelf: &Shelf<K, V, R>, parts: Vec<Self>, payload: Box<dyn Any + Send>) {
        count(&shelf.counters.panics);
        let message: Arc<str> = format!("the load of `{}` panicked: {}", shelf.sign.name, message_of(&*payload)).into();
        let mut payload = Some(payload);
        for part in parts {
            let landing = || Landing::Panicked { payload: payload.take(), message: message.clone() };
            part.miss.land_failed(part.lead, shelf, landing);
        }
    }
}

/// What is said of answers that nobody can tell apart.
pub(super) fn said(site: &str, asked: usize, misfit: Misfit) -> String {
    match misfit {
        Misfit::InOrder(given) => format!(
            "`{site}`: {given} answers in order for a batch of {asked}: give one for each, `None` for what is not there, or \
             a map"
        ),
        Misfit::Repeated => format!(
            "`{site}`: several answers for one element: give each one value, such as a `Vec` of all that belongs to it"
        ),
    }
}
