//! Who removes rows that are settled, and looks for those that others have left behind.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::Pool;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout_at};

use super::super::Core;
use super::super::driver::{Driver, Text};
use super::super::due::Due;
use super::super::failure::judge;
use super::table::{PAGE, REMOVED, unbound};
use super::{Outbox, row};
use crate::error::Result;
use crate::group::Group;
use crate::seldom::Seldom;

/// So long settled rows are collected, to be removed together.
const LINGER: Duration = Duration::from_millis(20);
/// So many rows are kept in mind from one sweep to the next. Those beyond are met again.
const MOST_SEEN: usize = 10_000;

/// Begins to look after the outbox, if nobody does and there is a runtime.
pub(super) fn begin<DB: Driver>(core: &Arc<Core<DB>>, outbox: &Outbox) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let Some(settled) = outbox.idle.lock().take() else { return };
    let remover = Remover { pool: core.writers().pool().clone(), text: outbox.texts.remove() };
    let settled = Taken { core: Arc::downgrade(core), settled: Some(settled) };
    runtime.spawn(look_after(remover, settled, outbox.interval));
}

/// What is settled, with who looks after it. Given back when that ends, as with its runtime: the next call begins anew.
struct Taken<DB: Driver> {
    core: Weak<Core<DB>>,
    settled: Option<Receiver<String>>,
}

impl<DB: Driver> Drop for Taken<DB> {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade()
            && let Some(outbox) = &core.outbox
        {
            *outbox.idle.lock() = self.settled.take();
        }
    }
}

/// Until the last handle is gone.
async fn look_after<DB: Driver>(remover: Remover<DB>, mut taken: Taken<DB>, interval: Duration) {
    let core = taken.core.clone();
    let Some(settled) = &mut taken.settled else { return };
    let (failed, stuck) = (AtomicBool::new(false), Seldom::default());
    let mut next = Instant::now();
    let mut rows = Vec::new();
    loop {
        match timeout_at(next, settled.recv_many(&mut rows, REMOVED)).await {
            Ok(0) => return,
            Ok(_) => {
                sleep(LINGER).await;
                while let Ok(row) = settled.try_recv() {
                    rows.push(row);
                }
                // What stays is met again by each sweep, and invalidated again.
                if let Err(error) = remover.remove(&rows).await
                    && stuck.may(Duration::from_secs(60))
                {
                    tracing::warn!(%error, "settled rows of the outbox cannot be removed");
                }
                rows.clear();
            }
            Err(_) => {
                let Some(core) = core.upgrade() else { continue };
                match sweep(&core, false).await {
                    Ok(_) => failed.store(false, Ordering::Relaxed),
                    // Once for each outage.
                    Err(error) if !failed.swap(true, Ordering::Relaxed) => {
                        tracing::warn!(%error, database = %core.name, "the outbox cannot be swept now");
                    }
                    Err(_) => {}
                }
                next = Instant::now() + interval;
            }
        }
    }
}

/// Holds no handle, so that it can remove what is settled when the last one has gone.
struct Remover<DB: Driver> {
    pool: Pool<DB>,
    text: Text,
}

impl<DB: Driver> Remover<DB> {
    /// What fails is swept.
    async fn remove(&self, rows: &[String]) -> Result<()> {
        let told = |source| judge(source, DB::outage).1;
        let mut connection = self.pool.acquire().await.map_err(told)?;
        for rows in rows.chunks(REMOVED) {
            // One statement for any number of them: the last stands for those that lack.
            let Some(last) = rows.last() else { continue };
            let ids: Vec<&str> = rows.iter().chain(std::iter::repeat(last)).take(REMOVED).map(String::as_str).collect();
            let ids = DB::texts(&ids).map_err(unbound)?;
            DB::run(&mut connection, self.text.clone(), ids).await.map_err(told)?;
        }
        Ok(())
    }
}

/// Invalidates what there is, or only what was there at the last sweep, and removes what was.
pub(super) async fn sweep<DB: Driver>(core: &Arc<Core<DB>>, all: bool) -> Result<u64> {
    let Some(outbox) = &core.outbox else { return Ok(0) };
    core.outbox_ready().await?;
    let mut last = outbox.seen.lock().await;
    let (mut seen, mut after, mut count) = (HashSet::new(), String::new(), 0);
    loop {
        let page = page(core, outbox, &after).await?;
        let full = page.len() == PAGE;
        let (mut groups, mut old) = (HashSet::new(), Vec::new());
        for (id, body) in &page {
            let again = last.as_ref().is_some_and(|last| last.contains(id));
            if again || all || last.is_none() {
                groups.extend(row::read(body, &outbox.all).unwrap_or_else(|| unreadable(core, outbox, again)));
            }
            if again {
                old.push(id.clone());
            } else if seen.len() < MOST_SEEN {
                seen.insert(id.clone());
            }
        }
        count += page.len() as u64;
        let taken = Due::new(core.caches(), groups).fire().await;
        if taken {
            old.into_iter().for_each(|id| outbox.settle(id));
        } else {
            seen.extend(old.into_iter().take(MOST_SEEN.saturating_sub(seen.len())));
        }
        match page.into_iter().last() {
            Some((id, _)) if full => after = id,
            _ => break,
        }
    }
    *last = Some(seen);
    Ok(count)
}

/// It may be of a later version, or of somebody who is none of us: all of this database's becomes untrue.
fn unreadable<DB: Driver>(core: &Core<DB>, outbox: &Outbox, again: bool) -> Vec<Group> {
    if again {
        tracing::warn!(database = %core.name, "a row of the outbox cannot be read: all of the database is invalidated");
    }
    vec![outbox.all.clone()]
}

async fn page<DB: Driver>(core: &Core<DB>, outbox: &Outbox, after: &str) -> Result<Vec<(String, String)>> {
    let told = |source| judge(source, DB::outage);
    // What was written last is seen there: readers may be of a replica.
    let mut held = core.writers().acquire().await?;
    let values = DB::texts(&[&outbox.name, after]).map_err(unbound)?;
    match DB::rows(&mut held, outbox.texts.page(), values).await {
        Ok(rows) => rows.iter().map(|row| DB::pair(row).map_err(|source| told(source).1)).collect(),
        Err(source) => {
            // The table may have gone.
            outbox.ready.store(false, Ordering::Release);
            let (next, error) = told(source);
            held.after(next);
            Err(error)
        }
    }
}
