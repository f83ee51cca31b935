//! The end of a batch: its answer is taken apart, and each element lands by itself.

use std::any::Any;

use super::fly::Part;
use crate::batched::{Apart, Batched};
use crate::depth::Depth;
use crate::error::Error;
use crate::flight::{Landing, message_of};
use crate::key::KeyPart;
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::stats::count;

/// Lands all of them with what the body came to.
pub(super) fn land<B, T, K, S, R, D, V>(
    shelf: &Shelf<K, V, R>,
    parts: Vec<Part<T, K, S, R, D, V>>,
    made: Result<Result<B, Error>, Box<dyn Any + Send>>,
    withheld: bool,
) where
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
            return parts
                .into_iter()
                .for_each(|part| part.miss.land_failed(part.lead, shelf, || Landing::Refused(error.clone())));
        }
        Err(payload) => {
            let message = format!("the load of `{}` panicked: {}", shelf.sign.name, message_of(&*payload));
            return land_panicked(shelf, parts, message, Some(payload));
        }
    };
    let asked: Vec<T> = parts.iter().map(|part| part.id.clone()).collect();
    match answer.apart(&asked) {
        Apart::Each(answers, others) => {
            if others > 0 {
                tracing::debug!(site = %shelf.sign.name, others, "answers that nobody has asked for are dropped");
            }
            parts.into_iter().zip(answers).for_each(|(part, answer)| land_one(shelf, part, answer, withheld));
        }
        Apart::Failed(failure) => land_failed(shelf, parts, failure, withheld),
        Apart::Misfit(given) => {
            let message = format!("`{}`: {}", shelf.sign.name, misfit(asked.len(), given));
            land_panicked(shelf, parts, message, None);
        }
    }
}

/// What is said of answers in order that are not as many as were asked for.
pub(super) fn misfit(asked: usize, given: usize) -> String {
    format!(
        "{given} answers in order for a batch of {asked}: give one for each, `None` for what is not there, or a map"
    )
}

fn land_one<T, K, S, R, D, V>(shelf: &Shelf<K, V, R>, part: Part<T, K, S, R, D, V>, answer: R, withheld: bool)
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    if withheld {
        // Who waits has to look for himself.
        part.lead.land(|| {}, Landing::Withheld(Some(answer)));
        return;
    }
    let birth = part.lead.flight().birth;
    part.miss.land_made(part.lead, shelf, answer, birth, None);
}

/// One failure for all: each has a copy, or else the first has it and the others look for themselves.
fn land_failed<T, K, S, R, D, V>(shelf: &Shelf<K, V, R>, parts: Vec<Part<T, K, S, R, D, V>>, failure: R, withheld: bool)
where
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
            Some(copy) => land_one(shelf, part, copy, withheld),
            None => part.miss.land_failed(part.lead, shelf, || Landing::Passed { result: None, share: None }),
        }
    }
    land_one(shelf, first, failure, withheld);
}

fn land_panicked<T, K, S, R, D, V>(
    shelf: &Shelf<K, V, R>,
    parts: Vec<Part<T, K, S, R, D, V>>,
    message: String,
    mut payload: Option<Box<dyn Any + Send>>,
) where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    count(&shelf.counters.panics);
    let message: std::sync::Arc<str> = message.into();
    for part in parts {
        let landing = || Landing::Panicked { payload: payload.take(), message: message.clone() };
        part.miss.land_failed(part.lead, shelf, landing);
    }
}
