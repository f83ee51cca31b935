//! One call: what is in memory, what tiers have, and the rest asked of the model, batch by batch.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Embed;
use super::failure::{EmbedError, Fault};
use super::model::Core;
use super::name::{Digest, TextName};
use super::stats::add;
use super::turn::within_a_model;
use super::vector::Vector;
use crate::join::join;
use crate::key::KeyWriter;
use crate::namespace::Name;

/// So many are read from a tier at a time, within its deadline.
const READ_TOGETHER: usize = 1_000;

/// Why a text has no vector, to all who wait for it: each knows it by another number.
enum Failure<E> {
    Model(Arc<E>),
    Fault(Fault),
}

/// What became of one text.
type Told<E> = Result<Vector, Arc<Failure<E>>>;

/// A text that is in none of the tiers, on its way to the model.
#[derive(Clone)]
struct Missing {
    name: TextName,
    text: Arc<str>,
}

impl Name for Missing {
    fn write_name(&self, out: &mut KeyWriter) {
        self.name.write_name(out);
    }
}

/// The texts of one call, each once.
pub(super) struct Question<'t> {
    texts: Vec<(&'t str, TextName)>,
    /// For each text of the call, which of these it is.
    places: Vec<usize>,
}

impl<'t> Question<'t> {
    pub(super) fn of<M, T: AsRef<str>>(core: &Core<M>, texts: &'t [T]) -> Self {
        let mut known: HashMap<Digest, usize> = HashMap::with_capacity(texts.len());
        let mut distinct = Vec::with_capacity(texts.len());
        let places = texts.iter().map(|text| {
            let name = core.name(text.as_ref());
            *known.entry(name.digest).or_insert_with(|| {
                distinct.push((text.as_ref(), name));
                distinct.len() - 1
            })
        });
        let places = places.collect();
        Self { texts: distinct, places }
    }

    pub(super) fn distinct(&self) -> usize {
        self.texts.len()
    }

    /// What became of each text of the call.
    pub(super) async fn answer<M: Embed>(self, core: &Arc<Core<M>>) -> Vec<Result<Arc<[f32]>, EmbedError<M::Error>>> {
        let found = self.find(core).await;
        let refuse = |text, fault| EmbedError::Refused(core.refuse(Some(text), fault));
        let one = |(text, place): (usize, usize)| match found.get(place) {
            // One may have been kept that a handle with fewer rights could not remove.
            Some(Some(Ok(vector))) => match core.dimensions.check(vector.len()) {
                Ok(()) => Ok(vector.clone().numbers()),
                Err(fault) => Err(refuse(text, fault)),
            },
            Some(Some(Err(failure))) => Err(match &**failure {
                Failure::Model(error) => EmbedError::Model(Arc::clone(error)),
                Failure::Fault(fault) => refuse(text, *fault),
            }),
            // Each was asked for.
            _ => Err(refuse(text, Fault::Empty)),
        };
        self.places.iter().copied().enumerate().map(one).collect()
    }

    async fn find<M: Embed>(&self, core: &Arc<Core<M>>) -> Vec<Option<Told<M::Error>>> {
        let near = self.texts.iter().map(|(_, name)| core.names.find_near(name, &core.tags).map(Ok));
        let mut found: Vec<Option<Told<M::Error>>> = near.collect();
        let mut open = missing(&found);
        add(&core.counts.near_hits, found.len() - open.len());
        if open.len() > core.max_batch {
            // Else a batch would be filled up before it is known what it lacks.
            for part in open.chunks(READ_TOGETHER) {
                let names: Vec<TextName> = part.iter().map(|&place| self.texts[place].1.clone()).collect();
                let below = core.names.find_many(&names, &core.tags).await;
                for (&place, vector) in part.iter().zip(below) {
                    found[place] = vector.map(Ok);
                }
            }
            open = missing(&found);
        }
        self.ask(core, &open, &mut found).await;
        let misfits = misfits(core, &found);
        if !misfits.is_empty() {
            // Kept by who thought otherwise of the model: they make room for what it says now.
            for &place in &misfits {
                core.names.remove(self.texts[place].1.clone()).await;
            }
            self.ask(core, &misfits, &mut found).await;
        }
        found
    }

    /// Asks for these, a few batches at a time. A caller who goes away leaves the batches that have begun to their end,
    /// and begins no others.
    async fn ask<M: Embed>(&self, core: &Arc<Core<M>>, open: &[usize], found: &mut [Option<Told<M::Error>>]) {
        if open.is_empty() {
            return;
        }
        let batches: Vec<&[usize]> = open.chunks(core.max_batch).collect();
        let lanes = batches.len().min(core.at_once);
        let next = Mutex::new(batches.into_iter());
        let lane = || async {
            let mut told = Vec::new();
            loop {
                let batch = next.lock().next();
                let Some(batch) = batch else { return told };
                told.extend(batch.iter().copied().zip(self.ask_batch(core, batch).await));
            }
        };
        for (place, told) in join((0..lanes).map(|_| lane()).collect()).await.into_iter().flatten() {
            found[place] = Some(told);
        }
    }

    /// Asks for these together; what others are asking for, and what is in a tier, is not asked.
    async fn ask_batch<M: Embed>(&self, core: &Arc<Core<M>>, batch: &[usize]) -> Vec<Told<M::Error>> {
        let missing = |place: &usize| {
            let (text, name) = &self.texts[*place];
            Missing { name: name.clone(), text: Arc::from(*text) }
        };
        let texts: Vec<Missing> = batch.iter().map(missing).collect();
        let within = within_a_model();
        let load = {
            let core = Arc::clone(core);
            move |texts: Vec<Missing>| ask_model(Arc::clone(&core), texts, within)
        };
        core.names.load_each(&texts, &core.tags, load).await
    }
}

fn missing<T>(found: &[Option<T>]) -> Vec<usize> {
    (0..found.len()).filter(|&place| found[place].is_none()).collect()
}

/// Those that have not as many numbers as the model's others.
fn misfits<M: Embed>(core: &Core<M>, found: &[Option<Told<M::Error>>]) -> Vec<usize> {
    let fits = |told: &Option<Told<M::Error>>| match told {
        Some(Ok(vector)) => core.dimensions.check(vector.len()).is_ok(),
        _ => true,
    };
    (0..found.len()).filter(|&place| !fits(&found[place])).collect()
}

/// One batch: what the model says to each of its texts, checked.
async fn ask_model<M: Embed>(
    core: Arc<Core<M>>,
    missing: Vec<Missing>,
    within: bool,
) -> Vec<Result<Vector, Failure<M::Error>>> {
    let texts: Vec<String> = missing.iter().map(|missing| missing.text.to_string()).collect();
    let (asked, counts) = (texts.len(), &core.counts);
    add(&counts.asked, asked);
    add(&counts.batches, 1);
    let vectors = match core.turns.take(within, core.model.embed(&texts)).await {
        Ok(vectors) => vectors,
        Err(error) => {
            let error = Arc::new(error);
            add(&counts.failed, asked);
            return missing.iter().map(|_| Err(Failure::Model(Arc::clone(&error)))).collect();
        }
    };
    if vectors.len() != asked {
        let fault = Fault::Count { asked, given: vectors.len() };
        add(&counts.refused, asked);
        return missing.iter().map(|_| Err(Failure::Fault(fault))).collect();
    }
    let checked = |numbers: Vec<f32>| {
        let vector = Vector::of(core.precision, numbers)?;
        core.dimensions.check(vector.len())?;
        Ok(vector)
    };
    let told: Vec<_> = vectors.into_iter().map(|numbers| checked(numbers).map_err(Failure::Fault)).collect();
    add(&counts.refused, told.iter().filter(|told| told.is_err()).count());
    told
}
