//! Several names at once, each of which fails alone, under a policy of their own.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::many::{Answers, Tags};
use super::{Failure, Name, Namespace};
use crate::access::Right;
use crate::batched::{Apart, Misfit};
use crate::cache::Cache;
use crate::call::{Carried, Options};
use crate::depth::Storable;
use crate::error::Result;
use crate::load::Ids;
use crate::policy::Policy;
use crate::stats::Counters;

impl<T: Storable + Clone + Send + Sync> Namespace<T> {
    /// Names whose values have a policy and a weight of their own. Who opens them first decides on the policy.
    pub(crate) fn weighed(cache: &Cache, name: &str, policy: Policy, weigh: fn(&T) -> usize) -> Result<Self> {
        Self::open_with(cache, name, policy, Options::new().weigh(weigh).carrying(Carried::Given))
    }

    /// The policy that is in force.
    pub(crate) fn policy(&self) -> &Policy {
        self.shelf.policy()
    }

    /// What was counted for all handles of this namespace.
    pub(crate) fn counters(&self) -> &Counters {
        &self.shelf.counters
    }

    /// The value of this name with these tags, if near has it.
    pub(crate) fn find_near(&self, name: &impl Name, tags: &Tags) -> Option<T> {
        if self.may(Right::Read) { self.near(&self.want_tagged(name, tags)) } else { None }
    }

    /// The values of these names, which are told apart, in order: each loaded with the others and failing alone. `load`
    /// answers in order, one for each.
    pub(crate) async fn load_each<N, L, F, E>(
        &self,
        names: &[N],
        tags: &Tags,
        load: L,
    ) -> Vec<std::result::Result<T, Arc<E>>>
    where
        N: Name + Clone + Send + Sync + 'static,
        L: Fn(Vec<N>) -> F + Send + Sync + 'static,
        F: Future<Output = Vec<std::result::Result<T, E>>> + Send + 'static,
        E: Send + Sync + 'static,
    {
        let load = Arc::new(load);
        let body = |ids: Ids<N>| {
            let load = Arc::clone(&load);
            async move {
                let names = ids.take();
                let asked = names.len();
                Answers::<T, false>::of_each(load(names).await, asked)
            }
        };
        let mut answers = Vec::with_capacity(names.len());
        for (name, answer) in names.iter().zip(self.load_together(names, tags, body).await) {
            let told = match answer {
                Ok(value) => Some(Ok(value)),
                Err(failure) => failure.0.downcast::<E>().ok().map(Err),
            };
            answers.push(match told {
                Some(told) => told,
                // Another caller's load failed with an error of another type: this one loads for itself.
                None => match load(vec![name.clone()]).await.pop() {
                    Some(own) => own.map_err(Arc::new),
                    None => resume_unwind(Box::new(self.misfit(Misfit::InOrder(0), 1))),
                },
            });
        }
        answers
    }
}

impl<T> Answers<T, false> {
    fn of_each<E: Send + Sync + 'static>(answers: Vec<std::result::Result<T, E>>, asked: usize) -> Self {
        if answers.len() != asked {
            return Self(Apart::Misfit(Misfit::InOrder(answers.len())));
        }
        Self(Apart::Each(answers.into_iter().map(|one| one.map_err(|error| Failure(Arc::new(error)))).collect(), 0))
    }
}
