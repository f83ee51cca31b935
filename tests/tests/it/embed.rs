//! Vectors of texts: each text is asked of its model once, and what goes wrong with one concerns no other.

mod failing;
mod hostile;
mod kept;
mod once;
mod precision;
mod shared;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cached_runtime::Cache;
use cached_runtime::embed::{CachedModel, Embed, ModelOptions};
use cached_runtime::testing::Gate;

/// A model that writes down what it is asked, and fails on command.
#[derive(Clone)]
struct Model {
    /// What was asked, each time.
    asked: Arc<Mutex<Vec<Vec<String>>>>,
    /// What it does with batches that hold this text.
    fails: Arc<Mutex<Vec<(&'static str, Failing)>>>,
    dimensions: Arc<AtomicUsize>,
    running: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
    gate: Gate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    Error,
    Panic,
    OneTooFew,
    OneTooMany,
    /// The text's own vector is wrong.
    Nan,
    Infinite,
    Short,
    Empty,
    Huge,
    Long,
}

/// Cannot be cloned.
#[derive(Debug, PartialEq, Eq)]
struct Away;

/// What a text means: a vector of its bytes.
fn meaning(text: &str, dimensions: usize) -> Vec<f32> {
    let at = |i: usize| text.bytes().enumerate().map(|(n, b)| f32::from(b) * ((n * 7 + i * 3) as f32).sin()).sum();
    (0..dimensions).map(at).collect()
}

impl Model {
    fn new() -> Self {
        Self {
            asked: Arc::default(),
            fails: Arc::default(),
            dimensions: Arc::new(AtomicUsize::new(8)),
            running: Arc::default(),
            peak: Arc::default(),
            gate: Gate::opened(),
        }
    }

    fn cached(&self, cache: &Cache) -> CachedModel<Self> {
        self.options().build(cache).unwrap()
    }

    fn options(&self) -> ModelOptions<Self> {
        CachedModel::wrap(self.clone()).id("letters")
    }

    /// What it was asked since this was asked last.
    fn asked(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn fail(&self, text: &'static str, failing: Failing) {
        self.fails.lock().unwrap().push((text, failing));
    }

    fn mend(&self) {
        self.fails.lock().unwrap().clear();
    }

    fn set_dimensions(&self, dimensions: usize) {
        self.dimensions.store(dimensions, Ordering::SeqCst);
    }

    fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

impl Embed for Model {
    type Error = Away;

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Away> {
        self.asked.lock().unwrap().push(texts.to_vec());
        self.peak.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.gate.pass().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        let dimensions = self.dimensions.load(Ordering::SeqCst);
        let mut vectors: Vec<Vec<f32>> = texts.iter().map(|text| meaning(text, dimensions)).collect();
        let fails = self.fails.lock().unwrap().clone();
        for (wrong, failing) in fails {
            let Some(at) = texts.iter().position(|text| text == wrong) else { continue };
            match failing {
                Failing::Error => return Err(Away),
                Failing::Panic => panic!("the model fell over"),
                Failing::OneTooFew => drop(vectors.pop()),
                Failing::OneTooMany => vectors.push(meaning("more", dimensions)),
                Failing::Nan => vectors[at][3] = f32::NAN,
                Failing::Infinite => vectors[at][0] = f32::NEG_INFINITY,
                Failing::Short => drop(vectors[at].pop()),
                Failing::Empty => vectors[at].clear(),
                Failing::Huge => vectors[at][2] = 1e30,
                Failing::Long => vectors[at] = vec![0.5; 70_000],
            }
        }
        Ok(vectors)
    }
}

/// So many texts.
fn texts(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|n| format!("text {n}")).collect()
}
