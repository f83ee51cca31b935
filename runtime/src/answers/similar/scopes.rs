//! The questions of all scopes, in memory and in the tiers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::super::canonical::Kind;
use super::super::kept::Kept;
use super::index::{self, Index, Near};
use crate::cache::Cache;
use crate::error::Result;
use crate::namespace::{Namespace, SetOptions};

/// Questions in one page: what is written anew when one of them is added.
const PAGE: usize = 16;
/// Pages that are read at a time. Where so many are missing, the next ones are not looked for.
const PAGES_AT_ONCE: usize = 16;
/// Scopes in memory.
const SCOPES: usize = 1_000;
/// Of questions that are older nothing is known any more; answers seldom live so long.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Questions, by what else is asked with them.
#[derive(Debug)]
pub(super) struct Scopes {
    cache: Cache,
    pages: Namespace<Kept<Page>>,
    scopes: Mutex<HashMap<Box<str>, Arc<Scope>>>,
    most: usize,
    max_bytes: usize,
    clock: AtomicU64,
}

/// Requests that differ in their last message alone.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Was read what the tiers know of it.
    read: OnceCell<()>,
    index: RwLock<Index>,
    asked: AtomicU64,
}

/// Some slots of an index, as the tiers have them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Page {
    slots: Vec<Option<index::Kept>>,
}

impl Scopes {
    pub(super) fn new(cache: &Cache, namespace: &str, most: usize, max_bytes: usize) -> Result<Self> {
        let pages = Namespace::living(cache, namespace, &format!("{namespace}.questions"), Kept::life)?;
        Ok(Self { cache: cache.clone(), pages, scopes: Mutex::default(), most, max_bytes, clock: AtomicU64::new(0) })
    }

    /// The questions of this scope, with what the tiers know of them.
    pub(super) async fn of(&self, name: &str) -> Arc<Scope> {
        let scope = {
            let mut scopes = self.scopes.lock();
            let scope = Arc::clone(scopes.entry(name.into()).or_default());
            scope.asked.store(self.clock.fetch_add(1, Relaxed), Relaxed);
            make_room(&mut scopes, |scopes| scopes.len() > SCOPES);
            scope
        };
        scope.read.get_or_init(|| self.read(name, &scope)).await;
        scope
    }

    async fn read(&self, name: &str, scope: &Scope) {
        if self.cache.0.stack.is_empty() {
            return;
        }
        let all: Vec<usize> = (0..self.most.div_ceil(PAGE)).collect();
        for numbers in all.chunks(PAGES_AT_ONCE) {
            let names: Vec<_> = numbers.iter().map(|number| (Kind::Scope.word(), name, *number)).collect();
            let pages = self.pages.get_many(&names).await;
            if pages.iter().all(Option::is_none) {
                break;
            }
            let mut index = scope.index.write();
            for (number, page) in numbers.iter().zip(pages) {
                if let Some(page) = page {
                    index.restore(number * PAGE, page.value.slots, self.most, self.max_bytes);
                }
            }
        }
        self.make_room();
    }

    /// Adds a question to a scope, and keeps the page that it is on.
    pub(super) fn add(&self, name: &str, scope: &Scope, vector: &[f32], answer: &str) {
        let page = {
            let mut index = scope.index.write();
            // A scope that fills all memory by itself gives up its own oldest.
            let alone = self.max_bytes / Index::bytes_of(vector.len());
            let number = index.insert(vector, answer, self.most.min(alone)) / PAGE;
            (number, Page { slots: index.slots(number * PAGE, PAGE) })
        };
        self.make_room();
        if !self.cache.0.stack.is_empty() {
            let (number, page) = page;
            let options = SetOptions::new().ttl(LIFE);
            self.pages.set_with((Kind::Scope.word(), name, number), Kept::new(page, LIFE), options);
        }
    }

    /// Forgets scopes, those first that were asked longest ago, until the others fit. What tiers know of them stays there.
    fn make_room(&self) {
        let is_too_much = |scopes: &HashMap<Box<str>, Arc<Scope>>| {
            scopes.len() > 1 && scopes.values().map(|scope| scope.index.read().bytes()).sum::<usize>() > self.max_bytes
        };
        make_room(&mut self.scopes.lock(), is_too_much);
    }

    /// Forgets all questions in memory, also those of scopes that somebody is just looking at.
    pub(super) fn clear(&self) {
        let scopes = std::mem::take(&mut *self.scopes.lock());
        scopes.into_values().for_each(|scope| *scope.index.write() = Index::default());
    }

    /// Questions, and the bytes they take.
    pub(super) fn size(&self) -> (usize, usize) {
        let scopes: Vec<_> = self.scopes.lock().values().cloned().collect();
        let size = |scope: Arc<Scope>| {
            let index = scope.index.read();
            (index.len(), index.bytes())
        };
        scopes.into_iter().map(size).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }
}

/// Forgets what was asked for longest ago while it is too much.
fn make_room(scopes: &mut HashMap<Box<str>, Arc<Scope>>, is_too_much: impl Fn(&HashMap<Box<str>, Arc<Scope>>) -> bool) {
    while is_too_much(scopes) {
        let oldest = scopes.iter().min_by_key(|(_, scope)| scope.asked.load(Relaxed)).map(|(name, _)| name.clone());
        let Some(oldest) = oldest else { return };
        scopes.remove(&oldest);
    }
}

impl Scope {
    pub(super) fn nearest(&self, vector: &[f32], threshold: f32) -> Vec<Near> {
        self.index.read().nearest(vector, threshold)
    }

    /// The answer of this name is gone.
    pub(super) fn forget(&self, answer: &str) {
        self.index.write().remove(answer);
    }
}
