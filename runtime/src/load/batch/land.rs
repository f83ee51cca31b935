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

/// Lands all of them with what the body came to. Answers whether it failed. What it has seen of a transaction is for those
/// alone whose flight is `withheld`.
pub(super) fn land<B, T, K, S, R, D, V>(
    shelf: &Shelf<K, V, R>,
    parts: Vec<Part<T, K, S, R, D, V>>,
    made: Result<Result<B, Error>, Box<dyn Any + Send>>,
    withheld: Option<FlightId>,
) -> bool
where
    B: Batched<T, One = R>,
    T: Clone,
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    let answer = match made {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let refused = |part: Part<T, K, S, R, D, V>| {
                part.miss.land_failed(part.lead, shelf, || Landing::Refused(error.clone()));
            };
            parts.into_iter().for_each(refused);
            return true;
        }
        Err(payload) => {
            land_panicked(shelf, parts, payload);
            return true;
        }
    };
    let asked: Vec<T> = parts.iter().map(|part| part.id.clone()).collect();
    // Elements are compared by their own code.
    match catch_unwind(AssertUnwindSafe(|| answer.apart(&asked))) {
        Ok(Apart::Each(answers, others)) => {
            if others > 0 {
                tracing::debug!(site = %shelf.sign.name, others, "answers that nobody has asked for are dropped");
            }
            for (part, answer) in parts.into_iter().zip(answers) {
                let one = || land_one::<B, T, K, S, R, D, V>(shelf, part, answer, withheld);
                // `cache_if` and its like are the user's: one that panics loses its own element.
                let _lost = catch_unwind(AssertUnwindSafe(one));
            }
            false
        }
        Ok(Apart::Failed(failure)) => {
            land_failed::<B, T, K, S, R, D, V>(shelf, parts, failure, withheld);
            true
        }
        Ok(Apart::Misfit(misfit)) => {
            land_panicked(shelf, parts, Box::new(said(&shelf.sign.name, asked.len(), misfit)));
            true
        }
        Err(payload) => {
            land_panicked(shelf, parts, payload);
            true
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

fn land_one<B, T, K, S, R, D, V>(
    shelf: &Shelf<K, V, R>,
    part: Part<T, K, S, R, D, V>,
    answer: R,
    withheld: Option<FlightId>,
) where
    B: Batched<T, One = R>,
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    if let Some(mine) = withheld {
        // Who waits has to look for himself, and so has who was gathered.
        let answer = (part.lead.flight().id == mine).then_some(answer);
        part.lead.land(|| {}, Landing::Withheld(answer));
        return;
    }
    let birth = part.lead.flight().birth;
    if part.miss.share.is_some() {
        return part.miss.land_made(part.lead, shelf, answer, birth, None);
    }
    // That there is nothing can be told to all, though an error could not.
    let answer = match part.miss.shape.split(answer) {
        Ok((value, _)) => part.miss.shape.join(value),
        Err((nothing, Sort::Nothing)) => {
            let landing = Landing::Passed { result: Some(nothing), share: Some(|_| B::absent()) };
            return part.miss.land_unkept(part.lead, shelf, landing);
        }
        Err((failure, _)) => failure,
    };
    part.miss.land_made(part.lead, shelf, answer, birth, None);
}

/// What is left of a load that has failed: who wants it looks for himself.
pub(super) fn land_unasked<T, K, S, R, D, V>(shelf: &Shelf<K, V, R>, part: Part<T, K, S, R, D, V>)
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    part.miss.land_failed(part.lead, shelf, || Landing::Passed { result: None, share: None });
}

/// One failure for all: each has a copy, or else the first has it and the others look for themselves.
fn land_failed<B, T, K, S, R, D, V>(
    shelf: &Shelf<K, V, R>,
    parts: Vec<Part<T, K, S, R, D, V>>,
    failure: R,
    withheld: Option<FlightId>,
) where
    B: Batched<T, One = R>,
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return };
    for part in parts {
        match part.miss.share.map(|copy| copy(&failure)) {
            Some(copy) => land_one::<B, T, K, S, R, D, V>(shelf, part, copy, withheld),
            None => land_unasked(shelf, part),
        }
    }
    land_one::<B, T, K, S, R, D, V>(shelf, first, failure, withheld);
}

fn land_panicked<T, K, S, R, D, V>(
    shelf: &Shelf<K, V, R>,
    parts: Vec<Part<T, K, S, R, D, V>>,
    payload: Box<dyn Any + Send>,
) where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    count(&shelf.counters.panics);
    let message: Arc<str> = format!("the load of `{}` panicked: {}", shelf.sign.name, message_of(&*payload)).into();
    let mut payload = Some(payload);
    for part in parts {
        let landing = || Landing::Panicked { payload: payload.take(), message: message.clone() };
        part.miss.land_failed(part.lead, shelf, landing);
    }
}
