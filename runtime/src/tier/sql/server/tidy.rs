//! Upkeep by every node for itself: what may not be used any more goes, and the oldest beyond the bound.
//!
//! How much there is is counted now and then and not kept in a row: all nodes would wait for each other at that row with
//! every write. A count also says up to which entry all is beyond the bound, so that nodes which find that at once
//! remove the same entries and not as many each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Server;
use super::line::{Row, Value};
use super::store::{Store, unread};
use crate::clock::{Millis, millis};
use crate::error::Result;
use crate::group::Position;
use crate::tier::clear::told;
use crate::tier::fault::{Fault, Harm};
use crate::tier::sql::walk::{Found, Round};
use crate::tier::{Cleared, Step, Tidied};

/// How long a count holds while a round goes on.
const HOLDS: Millis = 60_000;

/// A count holds for so many times as long as it took: it may take two hundredths of the time.
const SHARE: Millis = 50;

/// How long a count may take that nobody waits for.
const LONG: Duration = Duration::from_secs(120);

/// What is known of how much there is.
#[derive(Debug, Default)]
pub(super) struct Census(Mutex<Known>);

#[derive(Debug, Default, Clone, Copy)]
struct Known {
    size: Size,
    /// All up to this id is beyond the bound.
    cut: i64,
    /// When to count again.
    next: Millis,
    /// The server takes too long to count while a step of upkeep waits.
    slow: bool,
    running: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Size {
    entries: i64,
    bytes: i64,
}

/// What one step removes.
struct Gone {
    ids: Vec<Value>,
    bytes: i64,
    /// Beyond the bound: the oldest up to this id, at most so many.
    cut: i64,
    most: usize,
    forget: Option<Position>,
}

/// What one step has removed.
#[derive(Default)]
struct Removed {
    entries: u64,
    bytes: i64,
    /// Nothing is beyond the bound any more.
    within: bool,
}

impl Census {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, size: Size, cut: i64, took: Duration, now: Millis) {
        let hold = HOLDS.max(millis(took).saturating_mul(SHARE));
        let mut known = self.known();
        *known = Known { size, cut, next: now.saturating_add(hold), ..*known };
    }

    /// Is it time to count? A round begins with a count where that is quick.
    fn is_due(&self, begins: bool, now: Millis) -> bool {
        let known = self.known();
        (begins && !known.slow) || now >= known.next
    }

    /// How many bytes there were when they were counted last, less those removed here since; nothing before that.
    pub(super) fn bytes(&self) -> Option<u64> {
        let known = *self.known();
        u64::try_from(known.size.bytes).ok().filter(|_| known.next > 0)
    }

    fn removed(&self, removed: &Removed) -> Size {
        let mut known = self.known();
        if removed.within {
            known.cut = 0;
        }
        known.size.entries = (known.size.entries - removed.entries.cast_signed()).max(0);
        known.size.bytes = (known.size.bytes - removed.bytes).max(0);
        known.size
    }
}

impl Server {
    pub(super) async fn tidy_step(&self, step: Step<'_>) -> Result<Tidied> {
        let (round, entries) = (self.room.walk.round(), step.entries);
        if self.room.census.is_due(round.is_none(), step.now) {
            self.count(step.now).await?;
        }
        let (round, found) = self.with(move |store| async move { store.walk(round, entries).await }).await?;
        let gone = self.gone(&found, &step);
        let removed = self.with(move |store| async move { store.clean(gone).await }).await?;
        let size = self.room.census.removed(&removed);
        let (seen, wrapped) = (found.len(), found.len() < entries);
        self.room.walk.step(round, &found, wrapped);
        let [entries, bytes] = [size.entries, size.bytes].map(|n| u64::try_from(n).unwrap_or(0));
        let removed = usize::try_from(removed.entries).unwrap_or(usize::MAX);
        Ok(Tidied { seen, removed, wrapped, entries, bytes })
    }

    /// The oldest go first, up to the one that was the last at the first.
    pub(super) async fn clear_step(&self, after: Option<&str>, most: usize) -> Result<Cleared> {
        let cut = told::<1>(after)?.map(|[cut]| cut.cast_signed());
        let (removed, cut) = self.with(move |store| async move { store.clear(cut, most.max(1)).await }).await?;
        self.room.census.removed(&removed);
        Ok(if removed.within {
            Cleared::all(removed.entries)
        } else {
            Cleared::so_far(removed.entries, cut.to_string())
        })
    }

    fn gone(&self, found: &[Found], step: &Step<'_>) -> Gone {
        let gone: Vec<&Found> = found.iter().filter(|found| !found.stays(step)).collect();
        let bytes: usize = gone.iter().map(|found| found.key.len() + found.frame.len()).sum();
        Gone {
            ids: gone.iter().map(|found| Value::Number(found.id)).collect(),
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            cut: self.room.census.known().cut,
            most: 2 * step.entries,
            forget: step.forget,
        }
    }

    /// Counts; where that takes longer than a step of upkeep may, it goes on without us.
    async fn count(&self, now: Millis) -> Result<()> {
        let (room, slow) = (Arc::clone(&self.room), self.room.census.known().slow);
        self.with(move |store| async move {
            if !slow {
                let started = Instant::now();
                match store.count().await {
                    Ok((size, cut)) => {
                        room.census.set(size, cut, started.elapsed(), now);
                        return Ok(());
                    }
                    Err(fault) if fault.harm != Harm::Passing => return Err(fault),
                    Err(_) => room.census.known().slow = true,
                }
            }
            if !std::mem::replace(&mut room.census.known().running, true) {
                tokio::spawn(async move {
                    let started = Instant::now();
                    // Failing that, what was known holds for a while longer.
                    let counted = store.count_aside().await.inspect_err(|fault| {
                        let (tier, reason) = (room.terms.address.dialect().word(), fault.message());
                        tracing::warn!(tier, reason, "entries cannot be counted: the tier's bound is not kept");
                    });
                    let known = *room.census.known();
                    let (size, cut) = counted.unwrap_or((known.size, known.cut));
                    room.census.set(size, cut, started.elapsed(), now);
                    room.census.known().running = false;
                });
            }
            Ok(())
        })
        .await
    }
}

impl Store {
    async fn walk(&self, round: Option<Round>, entries: usize) -> Result<(Round, Vec<Found>), Fault> {
        let round = match round {
            Some(round) => round,
            None => {
                let last = self.links.row(&self.statements.last, &[]).await?.number(0).map_err(unread)?;
                Round { seen: 0, last }
            }
        };
        let values = [round.seen, round.last, i64::try_from(entries).unwrap_or(i64::MAX)].map(Value::Number);
        let rows = self.links.rows(&self.statements.walk, &values).await?;
        Ok((round, rows.iter().map(found).collect::<sqlx::Result<_>>().map_err(unread)?))
    }

    async fn clean(&self, gone: Gone) -> Result<Removed, Fault> {
        let mut removed = Removed::default();
        if !gone.ids.is_empty() {
            removed.entries = self.each(&self.statements.remove_ids, &gone.ids, 1).await?;
            removed.bytes = gone.bytes;
        }
        if let Some(swept) = gone.forget {
            self.forget(swept).await?;
        }
        if gone.cut > 0 {
            self.trim(gone.cut, gone.most, &mut removed).await?;
        }
        Ok(removed)
    }

    async fn clear(&self, cut: Option<i64>, most: usize) -> Result<(Removed, i64), Fault> {
        let cut = match cut {
            Some(cut) => cut,
            None => self.links.row(&self.statements.last, &[]).await?.number(0).map_err(unread)?,
        };
        let mut removed = Removed::default();
        self.trim(cut, most, &mut removed).await?;
        Ok((removed, cut))
    }

    /// Removes the oldest entries, at most so many, up to the one at which the bound cuts.
    async fn trim(&self, cut: i64, most: usize, removed: &mut Removed) -> Result<(), Fault> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut last = None;
        for row in self.links.rows(&self.statements.oldest, &[Value::Number(cut), Value::Number(most)]).await? {
            last = Some(row.number(0).map_err(unread)?);
            removed.bytes += row.number(1).map_err(unread)?;
        }
        let Some(last) = last else {
            removed.within = true;
            return Ok(());
        };
        removed.entries += self.links.change(&self.statements.remove_oldest, &[Value::Number(last)]).await?;
        removed.within = last >= cut;
        Ok(())
    }

    async fn count(&self) -> Result<(Size, i64), Fault> {
        let size = size(&self.links.row(&self.statements.count, &[]).await?).map_err(unread)?;
        if size.bytes <= self.max_bytes {
            return Ok((size, 0));
        }
        let cut = self.links.row(&self.statements.cut, &[Value::Number(self.max_bytes)]).await?;
        Ok((size, cut.number(0).map_err(unread)?))
    }

    /// The same on a connection of its own, with much time.
    async fn count_aside(&self) -> Result<(Size, i64), Fault> {
        let rows = self.links.aside(LONG, &self.statements.count, &[]).await?;
        let size = rows.first().map(size).transpose().map_err(unread)?.unwrap_or_default();
        if size.bytes <= self.max_bytes {
            return Ok((size, 0));
        }
        let rows = self.links.aside(LONG, &self.statements.cut, &[Value::Number(self.max_bytes)]).await?;
        let cut = rows.first().map(|row| row.number(0)).transpose().map_err(unread)?;
        Ok((size, cut.unwrap_or_default()))
    }
}

fn size(row: &Row) -> sqlx::Result<Size> {
    Ok(Size { entries: row.number(0)?, bytes: row.number(1)? })
}

fn found(row: &Row) -> sqlx::Result<Found> {
    Ok(Found { id: row.number(0)?, key: row.text(1)?, frame: row.bytes(2)?.into() })
}
