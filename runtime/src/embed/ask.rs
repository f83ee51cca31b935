//! One call: what is in memory, what tiers have, and the rest asked of the model, batch by batch.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Embed;
use super::failure::{EmbedError, Fault};
use super::model::Core;
use super::name::{Digest, TextName};
use super::stats::add;
use super::turn::pause;
use super::vector::Vector;
use crate::join::join;
use crate::key::KeyWriter;
use crate::namespace::{Name, SetOptions};

/// So many are read from a tier at a time, within its deadline.
const READ_TOGETHER: usize = 1_000;

/// Why a text has no vector, to all who wait for it: each knows it by another number.
enum Failure<E> {
    Model(Arc<E>),
    Fault(Fault),
}

/// How to come by what is not there.
#[derive(Clone, Copy)]
enum Way {
    Load,
    Replace,
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
            // What is right may have been settled meanwhile.
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
        let open = missing(&found);
        add(&core.counts.near_hits, found.len() - open.len());
        if open.is_empty() && self.misfits(core, &found).is_empty() {
            return found;
        }
        let paused = pause();
        self.find_below(core, open, &mut found).await;
        paused.resume().await;
        found
    }

    /// Fills in what near does not have: from tiers, from the loads of others, and from the model.
    async fn find_below<M: Embed>(
        &self,
        core: &Arc<Core<M>>,
        mut open: Vec<usize>,
        found: &mut [Option<Told<M::Error>>],
    ) {
        if open.len() > core.max_batch {
            // Else a batch would be filled up before it is known what it lacks.
            for part in open.chunks(READ_TOGETHER) {
                let names: Vec<TextName> = part.iter().map(|&place| self.texts[place].1.clone()).collect();
                let below = core.names.find_many(&names, &core.tags).await;
                for (&place, vector) in part.iter().zip(below) {
                    found[place] = vector.map(Ok);
                }
            }
            open = missing(found);
        }
        self.ask(core, &open, Way::Load, found).await;
        // Of another length than the model's: what it says now takes their place, if it can be believed.
        let misfits = self.misfits(core, found);
        core.tell_of(&misfits);
        self.ask(core, &misfits, Way::Replace, found).await;
    }

    /// Those that were kept and have not as many numbers as the model's others.
    fn misfits<M: Embed>(&self, core: &Core<M>, found: &[Option<Told<M::Error>>]) -> Vec<usize> {
        let fits = |place: usize| match &found[place] {
            Some(Ok(vector)) => core.dimensions.check_kept(self.texts[place].1.digest, vector.len()).is_ok(),
            _ => true,
        };
        (0..found.len()).filter(|&place| !fits(place)).collect()
    }

    /// Asks for these, a few batches at a time. A caller who goes away leaves the batches that have begun to their end,
    /// and begins no others.
    async fn ask<M: Embed>(&self, core: &Arc<Core<M>>, open: &[usize], way: Way, found: &mut [Option<Told<M::Error>>]) {
        if open.is_empty() {
            return;
        }
        let batches: Vec<&[usize]> = open.chunks(core.max_batch).collect();
        let lanes = batches.len().min(core.together.at_once);
        let next = Mutex::new(batches.into_iter());
        let lane = || async {
            let mut told = Vec::new();
            loop {
                let batch = next.lock().next();
                let Some(batch) = batch else { return told };
                let texts = batch.iter().map(|&place| self.missing(place)).collect();
                let answers = match way {
                    Way::Load => load(core, texts).await,
                    Way::Replace => replace(core, texts).await,
                };
                told.extend(batch.iter().copied().zip(answers));
            }
        };
        for (place, told) in join((0..lanes).map(|_| lane()).collect()).await.into_iter().flatten() {
            found[place] = Some(told);
        }
    }

    fn missing(&self, place: usize) -> Missing {
        let (text, name) = &self.texts[place];
        Missing { name: name.clone(), text: Arc::from(*text) }
    }
}

/// Asks for these together; what others are asking for, and what is in a tier, is not asked.
async fn load<M: Embed>(core: &Arc<Core<M>>, texts: Vec<Missing>) -> Vec<Told<M::Error>> {
    let load = {
        let core = Arc::clone(core);
        move |texts: Vec<Missing>| {
            let core = Arc::clone(&core);
            async move { ask_model(&core, &texts).await }
        }
    };
    core.names.load_each(&texts, &core.tags, load).await
}

/// Asks the model whatever is kept of these, and keeps what it says now. Where it says nothing that can be believed, what
/// was kept stays, and is not given to anybody.
async fn replace<M: Embed>(core: &Arc<Core<M>>, texts: Vec<Missing>) -> Vec<Told<M::Error>> {
    let tags: Vec<String> = core.tags.iter().map(ToString::to_string).collect();
    // Before the model is asked: what is invalidated meanwhile is not to come back by it.
    let birth = core.names.birth();
    let told = ask_model(core, &texts).await;
    for (missing, vector) in texts.iter().zip(&told) {
        if let Ok(vector) = vector {
            let options = SetOptions { tags: tags.clone(), ..SetOptions::new() };
            core.names.set_born(&missing.name, vector.clone(), options, birth);
        }
    }
    told.into_iter().map(|one| one.map_err(Arc::new)).collect()
}

fn missing<T>(found: &[Option<T>]) -> Vec<usize> {
    (0..found.len()).filter(|&place| found[place].is_none()).collect()
}

/// One batch: what the model says to each of its texts, checked.
async fn ask_model<M: Embed>(core: &Core<M>, missing: &[Missing]) -> Vec<Result<Vector, Failure<M::Error>>> {
    let texts: Vec<String> = missing.iter().map(|missing| missing.text.to_string()).collect();
    let (asked, counts) = (texts.len(), &core.counts);
    add(&counts.asked, asked);
    add(&counts.batches, 1);
    let vectors = match core.together.turns.take(core.model.embed(&texts)).await {
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
    let told = checked(core, missing, vectors);
    add(&counts.refused, told.iter().filter(|told| told.is_err()).count());
    told.into_iter().map(|told| told.map_err(Failure::Fault)).collect()
}

/// Each vector for itself, and then all of them by their lengths.
fn checked<M>(core: &Core<M>, missing: &[Missing], vectors: Vec<Vec<f32>>) -> Vec<Result<Vector, Fault>> {
    let told: Vec<_> = vectors.into_iter().map(|numbers| Vector::of(core.precision, numbers)).collect();
    let digests = missing.iter().map(|missing| missing.name.digest);
    let lengths = digests.zip(&told).filter_map(|(text, told)| Some((text, told.as_ref().ok()?.len())));
    let lengths: Vec<(Digest, usize)> = lengths.collect();
    let mut judged = core.dimensions.judge(&lengths).into_iter();
    let one = |told: Result<Vector, Fault>| {
        let vector = told?;
        // There is one for each that is a vector.
        judged.next().unwrap_or(Ok(()))?;
        Ok(vector)
    };
    told.into_iter().map(one).collect()
}
