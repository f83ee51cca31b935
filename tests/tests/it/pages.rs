//! Lists in pages, each an entry of its own, and large results as streams that hold one of them.

mod keyset;
mod numbered;
mod plain;
mod streamed;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use cached_runtime::pages::{After, Page, Paged, Window};
use cached_runtime::testing::Gate;
use cached_runtime::{Cache, cache, invalidate};

use crate::rig::{Down, World};

/// A table of numbers in order, which counts how it is asked.
#[derive(Clone)]
struct Table {
    world: World,
    rows: Arc<Mutex<Vec<u64>>>,
    asked: Arc<Mutex<Vec<i64>>>,
    /// The page that fails, 0 for none.
    fails: Arc<AtomicU32>,
    gate: Gate,
}

impl Table {
    /// Every second number, so that there is room between two.
    fn of(rows: u64) -> Self {
        let rows = (0..rows).map(|n| n * 2).collect();
        Self {
            world: World::new(),
            rows: Arc::new(Mutex::new(rows)),
            asked: Arc::default(),
            fails: Arc::default(),
            gate: Gate::opened(),
        }
    }

    fn cache(&self) -> &Cache {
        &self.world.cache
    }

    fn rows(&self) -> Vec<u64> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn insert(&self, row: u64) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.push(row);
        rows.sort_unstable();
    }

    /// What a query does: it reads, and takes its time to answer.
    async fn ask(&self, about: i64, read: impl FnOnce(&[u64]) -> Vec<u64>) -> Vec<u64> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(about);
        let rows = read(&self.rows());
        self.gate.pass().await;
        rows
    }

    /// The offsets or keys that it was asked for so far, in order.
    fn asked(&self) -> Vec<i64> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was asked for which.
    fn counts(&self) -> BTreeMap<i64, usize> {
        let mut counts = BTreeMap::new();
        self.asked().into_iter().for_each(|about| *counts.entry(about).or_default() += 1);
        counts
    }
}

/// So many, from there on.
fn some(rows: &[u64], offset: i64, limit: i64) -> Vec<u64> {
    let place = |n: i64| usize::try_from(n).unwrap();
    rows.iter().copied().skip(place(offset)).take(place(limit)).collect()
}

#[cache(key = "numbers:{owner}:{page}", tags = ["numbers:{owner}"], skip(table), cache = table.cache())]
async fn numbers(table: &Table, owner: u32, page: Page) -> Result<Paged<u64>, Down> {
    let rows = table.ask(page.offset(), |rows| some(rows, page.offset(), page.limit())).await;
    if table.fails.load(SeqCst) == page.number() {
        return Err(Down);
    }
    let _ = owner;
    Ok(page.of(rows, table.rows().len()))
}

#[invalidate(tags = ["numbers:{owner}"], cache = table.cache())]
async fn renumber(table: &Table, owner: u32) -> Result<(), Down> {
    let _ = (table, owner);
    Ok(())
}

#[cache(key = "numbers-behind:{after}", tags = ["numbers-behind"], skip(table), cache = table.cache())]
async fn behind(table: &Table, after: After<u64>) -> Result<Window<u64, u64>, Down> {
    let from = after.cursor().copied();
    let read = |rows: &[u64]| {
        let start = from.map_or(0, |key| rows.partition_point(|row| *row <= key));
        some(&rows[start..], 0, after.limit_and_one())
    };
    let rows = table.ask(from.map_or(-1, |key| i64::try_from(key).unwrap()), read).await;
    Ok(after.of_and_one(rows, |row| *row))
}

fn page(number: u32, size: u32) -> Page {
    Page::new(number, size).unwrap()
}
