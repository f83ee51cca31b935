//! Several names at once: one read per tier for all that near does not have, and one load for what is nowhere.

use std::collections::HashMap;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Failure, Name, Namespace, Outcome, Want};
use crate::access::Right;
use crate::batched::{Apart, Batched, Misfit, Several};
use crate::call::Near;
use crate::depth::{Framed, Storable};
use crate::key::Key;
use crate::load::{Batch, Ids, Miss};
use crate::outcome::{OnlyOk, Shape, Sort};
use crate::policy::Policy;
use crate::site::{Declared, Site};

/// Tags that many entries have in common.
pub(crate) type Tags = Arc<[Arc<str>]>;

type Missed<T> = Miss<Box<str>, OkOrNothing, Outcome<T>, Framed, T>;
type Loads<N, T> = Batch<N, Box<str>, OkOrNothing, Outcome<T>, Framed, T>;

/// Stands for all namespaces where a load asks how many it may take at a time.
static NAMES: Site = Site::new(
    Declared {
        module: module_path!(),
        function: "get_or_load_many",
        name: None,
        namespace: None,
        template: None,
        tags: &[],
        holes: &[],
        batch: None,
        blocking: false,
        apart: true,
        file: file!(),
        line: line!(),
    },
    Policy::DEFAULT,
);

impl<T: Storable + Clone + Send + Sync> Namespace<T> {
    /// The values of these names, in order; one read per tier for all that near does not have.
    pub async fn get_many<N: Name>(&self, names: &[N]) -> Vec<Option<T>> {
        let (values, missed) = self.look_many(names, &Tags::default()).await;
        self.shelf.counters.misses.fetch_add(missed as u64, Ordering::Relaxed);
        values
    }

    /// The same of entries with these tags, by one who then loads what is nowhere: there that is counted.
    #[cfg(feature = "embed")]
    pub(crate) async fn find_many<N: Name>(&self, names: &[N], tags: &Tags) -> Vec<Option<T>> {
        let (values, missed) = self.look_many(names, tags).await;
        let nowhere = values.iter().filter(|value| value.is_none()).count();
        self.shelf.counters.misses.fetch_add(missed.saturating_sub(nowhere) as u64, Ordering::Relaxed);
        values
    }

    /// The values, and how many near did not have.
    async fn look_many<N: Name>(&self, names: &[N], tags: &Tags) -> (Vec<Option<T>>, usize) {
        if !self.may(Right::Read) {
            return (names.iter().map(|_| None).collect(), 0);
        }
        let wants: Vec<Want<T>> = names.iter().map(|name| self.want_tagged(name, tags)).collect();
        let mut values: Vec<Option<T>> = wants.iter().map(|want| self.near(want)).collect();
        let missing: Vec<usize> = (0..values.len()).filter(|&i| values[i].is_none()).collect();
        missing.iter().for_each(|&i| wants[i].note_miss());
        let (birth, now) = (self.cache.0.log.birth(), self.cache.clock().now());
        let keys: Vec<Key> = missing.iter().map(|&i| wants[i].named.key.clone()).collect();
        if keys.is_empty() || self.cache.0.stack.is_empty() || self.shelf.is_shut(&self.cache.0.log) {
            return (values, missing.len());
        }
        for (&i, down) in missing.iter().zip(self.cache.0.stack.read(&keys, now).await) {
            values[i] = wants[i].promote(&self.shelf, down, birth, now);
        }
        (values, missing.len())
    }

    /// The values of these names, in order; what is nowhere is loaded together, and what others load is waited for.
    ///
    /// `load` is given the names that near and tiers do not have, each once, at most 1,000 at a time, and answers with
    /// a `HashMap`, a `BTreeMap` or pairs by name, or in order with one `Option` for each. Each value is an entry of
    /// its own, as if it had been loaded by [`get_or_load`](Self::get_or_load), whose loads are joined too. `None`
    /// stands for a name without a value: nothing is kept of it.
    ///
    /// The load outlives a caller who goes away, so it borrows nothing: move clones into it. It is one load for all
    /// names of a call: the first thousand that fails ends it, and what was loaded before stays.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use std::convert::Infallible;
    /// # async fn example(cache: &cached_runtime::Cache) -> cached_runtime::Result<()> {
    /// let titles = cache.namespace::<String>("titles")?;
    /// let load = |ids: Vec<u32>| async move {
    ///     // One question for all that is missing.
    ///     Ok::<_, Infallible>(ids.into_iter().map(|id| (id, format!("title {id}"))).collect::<HashMap<_, _>>())
    /// };
    /// let found = titles.get_or_load_many(&[7, 8, 7], load).await;
    /// assert_eq!(found.unwrap()[2].as_deref(), Some("title 7"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The loader's own, shared by all who waited for it: for any name that it failed for.
    ///
    /// # Panics
    /// As the load does. An answer in order that is not as long as the question counts as a panic, and so do pairs of
    /// which two have one name: nobody could tell which value belongs to what.
    pub async fn get_or_load_many<N, L, F, M, E>(
        &self,
        names: &[N],
        load: L,
    ) -> std::result::Result<Vec<Option<T>>, Arc<E>>
    where
        N: Name + Clone + Send + Sync + 'static,
        L: Fn(Vec<N>) -> F + Send + Sync + 'static,
        F: Future<Output = std::result::Result<M, E>> + Send + 'static,
        M: Several<N, Value = T>,
        E: Send + Sync + 'static,
    {
        let (distinct, places) = self.distinct(names);
        let load = Arc::new(load);
        let body = |ids: Ids<N>| {
            let load = Arc::clone(&load);
            async move {
                let names = ids.take();
                Answers::<T, true>::of_all(load(names.clone()).await.map(|several| several.each(&names)))
            }
        };
        let mut open = Vec::new();
        let mut values = Vec::with_capacity(distinct.len());
        for (place, answer) in self.load_together(&distinct, &Tags::default(), body).await.into_iter().enumerate() {
            values.push(match answer {
                Ok(value) => Some(value),
                Err(failure) if failure.0.is::<Nothing>() => None,
                Err(failure) => match failure.0.downcast::<E>() {
                    Ok(error) => return Err(error),
                    Err(_) => {
                        open.push(place);
                        None
                    }
                },
            });
        }
        // Another caller's load failed with an error of another type: this one loads for itself, no more at a time than else.
        for part in open.chunks(NAMES.policy().max_batch.max(1)) {
            let names: Vec<N> = part.iter().map(|&place| distinct[place].clone()).collect();
            match load(names.clone()).await.map_err(Arc::new)?.each(&names) {
                Apart::Each(each, _) => part.iter().zip(each).for_each(|(&place, value)| values[place] = value),
                Apart::Failed(value) => part.iter().for_each(|&place| values[place].clone_from(&value)),
                Apart::Misfit(misfit) => resume_unwind(Box::new(self.misfit(misfit, names.len()))),
            }
        }
        Ok(places.into_iter().map(|place| values[place].clone()).collect())
    }

    /// What became of each of these names, which are told apart.
    pub(super) async fn load_together<N, L, F, const FOR_ALL: bool>(
        &self,
        names: &[N],
        tags: &Tags,
        body: L,
    ) -> Vec<Outcome<T>>
    where
        N: Name + Clone + Send + Sync + 'static,
        L: Fn(Ids<N>) -> F,
        F: Future<Output = Answers<T, FOR_ALL>> + Send + 'static,
    {
        let may = self.may(Right::Read);
        let mut batch: Loads<N, T> = Batch::of(&NAMES, names.len());
        for name in names {
            let mut want = self.want_tagged(name, tags);
            if !may {
                want.shelf = None;
            }
            match self.near(&want) {
                Some(value) => batch.hit(name, Ok(value)),
                None => batch.near(name, Near::Miss(self.missed(want))),
            }
        }
        match batch.load(body).await.0 {
            Apart::Each(each, _) => each,
            // Together there is one for each.
            Apart::Failed(_) | Apart::Misfit(_) => Vec::new(),
        }
    }

    /// The miss of a name that may turn out to have no value.
    fn missed(&self, want: Want<T>) -> Missed<T> {
        self.shelf.count_miss(&want.key);
        want.note_miss();
        let fallback = want.stale_near();
        let Miss { cache, shelf, key, named, ready, force, ahead, shape: OnlyOk, share, depth, options, .. } = want;
        Miss {
            cache,
            shelf,
            key,
            named,
            ready,
            fallback,
            force,
            ahead,
            #[cfg(feature = "_seen")]
            audit: None,
            shape: OkOrNothing,
            share,
            depth,
            options,
        }
    }

    pub(super) fn want_tagged(&self, name: &impl Name, tags: &Tags) -> Want<T> {
        let mut want = self.want(name, Vec::new());
        want.named.tags = Arc::clone(tags);
        want
    }

    /// Each name once, and for each place which of them stands there.
    fn distinct<N: Name + Clone>(&self, names: &[N]) -> (Vec<N>, Vec<usize>) {
        let mut known: HashMap<Key, usize> = HashMap::with_capacity(names.len());
        let mut distinct: Vec<N> = Vec::with_capacity(names.len());
        let places = names.iter().map(|name| {
            *known.entry(self.key_of(name)).or_insert_with(|| {
                distinct.push(name.clone());
                distinct.len() - 1
            })
        });
        let places = places.collect();
        (distinct, places)
    }

    pub(super) fn misfit(&self, misfit: Misfit, asked: usize) -> String {
        let namespace = &self.shelf.sign.namespace;
        match misfit {
            Misfit::InOrder(given) => {
                format!("`{namespace}`: {given} answers in order for {asked} names: give one for each, or a map")
            }
            Misfit::Repeated => format!("`{namespace}`: several answers for one name: give each one value"),
        }
    }
}

/// There is no value for a name.
struct Nothing;

/// A name was not answered for: another one failed before.
struct Unanswered;

/// `Ok` is kept. That there is nothing for a name is an answer and no failure: what was kept before is out of date.
#[derive(Debug, Clone, Copy)]
struct OkOrNothing;

impl<T> Shape<Outcome<T>> for OkOrNothing {
    type Kept = T;
    type Stored = T;

    fn split(self, result: Outcome<T>) -> std::result::Result<(T, Sort), (Outcome<T>, Sort)> {
        match result {
            Ok(value) => Ok((value, Sort::Value)),
            Err(failure) if failure.0.is::<Nothing>() => Err((Err(failure), Sort::Nothing)),
            Err(failure) => Err((Err(failure), Sort::Failure)),
        }
    }

    fn join(self, kept: T) -> Outcome<T> {
        Ok(kept)
    }

    fn stored(self, kept: &T) -> Option<&T> {
        Some(kept)
    }

    fn restore(self, stored: T) -> (T, Sort) {
        (stored, Sort::Value)
    }
}

/// What a load answered for several names. Does one that failed stand `FOR_ALL`?
pub(super) struct Answers<T, const FOR_ALL: bool>(pub(super) Apart<Outcome<T>>);

impl<T> Answers<T, true> {
    fn of_all<E: Send + Sync + 'static>(answer: std::result::Result<Apart<Option<T>>, E>) -> Self {
        let one = |value: Option<T>| value.ok_or_else(|| Failure(Arc::new(Nothing)));
        Self(match answer {
            Ok(Apart::Each(each, others)) => Apart::Each(each.into_iter().map(one).collect(), others),
            Ok(Apart::Failed(value)) => Apart::Failed(one(value)),
            Ok(Apart::Misfit(misfit)) => Apart::Misfit(misfit),
            Err(error) => Apart::Failed(Err(Failure(Arc::new(error)))),
        })
    }
}

impl<N, T, const FOR_ALL: bool> Batched<N> for Answers<T, FOR_ALL> {
    type One = Outcome<T>;

    fn apart(self, _: &[N]) -> Apart<Outcome<T>> {
        self.0
    }

    fn together(answers: Vec<(N, Outcome<T>)>) -> Self {
        Self(Apart::Each(answers.into_iter().map(|(_, one)| one).collect(), 0))
    }

    fn absent() -> Outcome<T> {
        Err(Failure(Arc::new(Unanswered)))
    }

    fn is_failure(one: &Outcome<T>) -> bool {
        FOR_ALL && one.as_ref().is_err_and(|failure| !failure.0.is::<Nothing>())
    }
}
