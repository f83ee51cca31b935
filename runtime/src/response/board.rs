//! One request on its way to the origin for all who want the same: collapsed forwarding.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use quick_cache::sync::Cache as Bounded;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::stored::Stored;
use super::vary::Varies;
use crate::clock::Millis;
use crate::log::Birth;

/// An address whose response could not be shared is asked for by everybody for so long, and nobody waits for another.
const APART: Millis = 10_000;
/// For how many addresses that is remembered.
const MOST: usize = 4_096;
/// After a failure those who waited for it ask so many at a time.
const AT_ONCE: usize = 4;
/// After a failure what is past its time answers by itself for so long.
const HOLD: Millis = 1_000;

/// How a flight ended.
#[derive(Debug, Clone)]
pub(super) enum Landing {
    Flying,
    /// With a response that others may have: those whose request selects the same by this.
    Stored(Arc<Stored>, Varies, String),
    /// The origin failed, and this one may be served instead.
    Stale(Arc<Stored>),
    /// With what is for one alone, as far as is known: each goes himself.
    Apart,
    /// Before it took off: another had landed meanwhile, and what it brought is found by who looks again.
    Again,
    /// It failed, and there is nothing else. Who waited goes himself, when it is his turn.
    Failed(Arc<Semaphore>),
}

/// The flights in the air, by the key of what they will be stored as.
pub(super) struct Board {
    flights: Mutex<HashMap<String, Flight>>,
    apart: Bounded<String, Millis>,
    failed: Bounded<String, Millis>,
}

struct Flight {
    birth: Birth,
    landing: watch::Receiver<Landing>,
}

/// Who goes to the origin.
pub(super) struct Lead {
    board: Arc<Board>,
    name: String,
    landing: watch::Sender<Landing>,
}

/// That it is somebody's turn, until this is dropped.
pub(super) type Permit = OwnedSemaphorePermit;

/// Who waits for that.
pub(super) struct Wait(watch::Receiver<Landing>);

/// What one who comes is to do.
#[derive(Debug)]
pub(super) enum Boarded {
    Lead(Lead),
    Wait(Wait),
    /// Go alone: what comes is for nobody else, as far as is known.
    Alone,
    /// Look again: it is there by now.
    Again,
}

impl Board {
    pub(super) fn new() -> Self {
        Self { flights: Mutex::default(), apart: Bounded::new(MOST), failed: Bounded::new(MOST) }
    }

    /// Joins the flight of this name, unless something was invalidated since it took off, or leads the next.
    pub(super) fn board(
        self: &Arc<Self>,
        name: &str,
        birth: Birth,
        now: Millis,
        is_joinable: impl Fn(&Birth) -> bool,
    ) -> Boarded {
        if self.apart.get(name).is_some_and(|until| now < until) {
            return Boarded::Alone;
        }
        let mut flights = self.flights.lock();
        let lead = |landing| Boarded::Lead(Lead { board: Arc::clone(self), name: name.to_owned(), landing });
        match flights.entry(name.to_owned()) {
            Entry::Occupied(flight) if is_joinable(&flight.get().birth) => {
                Boarded::Wait(Wait(flight.get().landing.clone()))
            }
            Entry::Occupied(mut flight) => {
                let (sender, landing) = watch::channel(Landing::Flying);
                flight.insert(Flight { birth, landing });
                lead(sender)
            }
            Entry::Vacant(place) => {
                let (sender, landing) = watch::channel(Landing::Flying);
                place.insert(Flight { birth, landing });
                lead(sender)
            }
        }
    }

    /// What comes by this name is for nobody else: for a while nobody waits for it.
    pub(super) fn keep_apart(&self, name: String, now: Millis) {
        self.apart.insert(name, now.saturating_add(APART));
    }

    /// The service failed: it is left alone for a moment, as far as there is something else to serve.
    pub(super) fn hold(&self, name: String, now: Millis) {
        self.failed.insert(name, now.saturating_add(HOLD));
    }

    /// Has the service failed just now?
    pub(super) fn is_held(&self, name: &str, now: Millis) -> bool {
        self.failed.get(name).is_some_and(|until| now < until)
    }

    /// What comes by this name is for others, too.
    pub(super) fn bring_together(&self, name: &str) {
        self.apart.remove(name);
    }

    /// How many are in the air.
    pub(super) fn len(&self) -> usize {
        self.flights.lock().len()
    }
}

impl Lead {
    /// Tells all who wait.
    pub(super) fn land(self, landing: Landing) {
        self.landing.send_replace(landing);
    }
}

/// Whoever has not landed has failed, also when he panicked. A failing source is not to be asked by all at once.
impl Drop for Lead {
    fn drop(&mut self) {
        self.landing.send_if_modified(|landing| {
            let is_flying = matches!(landing, Landing::Flying);
            if is_flying {
                *landing = Landing::Failed(Arc::new(Semaphore::new(AT_ONCE)));
            }
            is_flying
        });
        let mut flights = self.board.flights.lock();
        // One that an invalidation has overtaken has lost its place to another.
        let is_own =
            flights.get(&self.name).is_some_and(|flight| flight.landing.same_channel(&self.landing.subscribe()));
        if is_own {
            flights.remove(&self.name);
        }
    }
}

impl Wait {
    /// How the flight ended.
    pub(super) async fn landed(mut self) -> Option<Landing> {
        let landed = self.0.wait_for(|landing| !matches!(landing, Landing::Flying)).await.ok()?;
        Some(landed.clone())
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("flights", &self.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lead")
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wait")
    }
}
