//! Writes that were told by a schema which another node had changed a moment before, as is seen in hindsight.
//!
//! A node hears of another's change of tables some milliseconds after it. What it writes meanwhile it tells by the schema
//! that it knew, which may have been too little. So it looks back a few seconds later: if it has heard of a change since,
//! all is told.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::Core;
use super::driver::Driver;
use super::touch::Touched;
use crate::clock::Millis;

/// It is looked back so often: each write is looked at once, after one to two times this.
const BACK: Millis = 5_000;
/// The clock is looked at so often meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// The writes that are still to be looked at, by the oldest of what they knew.
#[derive(Debug, Default)]
pub(super) struct Hindsight {
    writes: Mutex<Writes>,
}

#[derive(Debug, Default)]
struct Writes {
    older: Option<u64>,
    newer: Option<u64>,
    /// Is there a task that looks after them?
    attended: bool,
}

impl<DB: Driver> Core<DB> {
    /// Looks back at this write later, if other nodes may have changed what it was told by.
    pub(super) fn look_back(self: &Arc<Self>, touched: &Touched) {
        let Some(since) = touched.known_since() else { return };
        if !self.cache().0.log.is_shared() {
            return;
        }
        let mut writes = self.hindsight.writes.lock();
        writes.newer = writes.newer.into_iter().chain([since]).min();
        // Without a runtime it waits for the next write.
        if !writes.attended
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            writes.attended = true;
            drop(runtime.spawn(attend(Attended { core: Arc::downgrade(self), done: false })));
        }
    }

    /// Looks at the older writes. `false` when there are none left, and nobody needs to look any more.
    async fn looked_back(&self) -> bool {
        let older = {
            let mut writes = self.hindsight.writes.lock();
            let older = writes.older;
            writes.older = writes.newer.take();
            if older.is_none() && writes.older.is_none() {
                writes.attended = false;
                return false;
            }
            older
        };
        if older.is_some_and(|since| self.schema_was_told(since)) {
            self.due(self.told(&Touched::all())).fire().await;
        }
        true
    }
}

async fn attend<DB: Driver>(mut attended: Attended<DB>) {
    let Some(mut at) = attended.core.upgrade().map(|core| core.clock.now_assured()) else { return };
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(core) = attended.core.upgrade() else { return };
        let now = core.clock.now_assured();
        // What it does not hear now it hears when it has caught up.
        if now.saturating_sub(at) < BACK || !core.cache().0.log.is_proven() {
            continue;
        }
        at = now;
        attended.done = !core.looked_back().await;
        if attended.done {
            return;
        }
    }
}

/// Ends with its task: also with one that a runtime gives up at its own end.
struct Attended<DB: Driver> {
    /// Weak: a database that nobody has any more is let go.
    core: Weak<Core<DB>>,
    done: bool,
}

impl<DB: Driver> Drop for Attended<DB> {
    fn drop(&mut self) {
        if !self.done
            && let Some(core) = self.core.upgrade()
        {
            core.hindsight.writes.lock().attended = false;
        }
    }
}
