//! Jobs that load before anybody asks: what they do, what they may cost, and that nothing they do stops anything else.

mod budgets;
mod called;
mod hot;
mod times;
mod trouble;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cached_runtime::clock::Clock;
use cached_runtime::stats::AheadStats;
use cached_runtime::testing::Gate;
use cached_runtime::{Cache, Warmup};

use crate::rig::World;

/// A house with a cache of its own and a source that counts how it is asked.
#[derive(Clone)]
struct House {
    world: World,
    asked: Arc<Mutex<Vec<String>>>,
    gate: Gate,
}

impl House {
    fn new() -> Self {
        Self { world: World::new(), asked: Arc::default(), gate: Gate::opened() }
    }

    fn cache(&self) -> &Cache {
        &self.world.cache
    }

    fn clock(&self) -> &Clock {
        &self.world.clock
    }

    /// A warm-up of these jobs alone, which is given this house.
    fn warmup(&self, jobs: &[&str]) -> Warmup {
        self.cache().warmup().with(self.clone()).silent().only(jobs.iter().copied())
    }

    async fn ask(&self, what: impl std::fmt::Display) -> String {
        self.note(&what);
        self.gate.pass().await;
        what.to_string()
    }

    fn note(&self, what: impl std::fmt::Display) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(what.to_string());
    }

    /// What it was asked so far.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was asked what.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.asked().into_iter().for_each(|what| *counts.entry(what).or_default() += 1);
        counts
    }

    fn warmed(&self, site: &str) -> AheadStats {
        self.cache().stats().site(site).map(|site| site.warmed).unwrap_or_default()
    }
}
