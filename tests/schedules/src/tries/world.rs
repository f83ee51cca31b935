//! One key of one shelf, its source, and the steps of a call and of an invalidation, as the runtime's engine takes them.

use std::sync::Arc;

use shuttle::future::yield_now;

use super::pause;
use crate::flight::{Board, Boarded, Flight, FlightId, Lead, Load, Told, drive};
use crate::group::{Group, Recall, Record};
use crate::key::Key;
use crate::log::{Birth, Interest, Log};
use crate::near::entry::Entry;
use crate::sync::atomic::{AtomicU64, Ordering::SeqCst};
use crate::sync::{Handle, Mutex};

/// The steps of a call that a control leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Without {
    Nothing,
    /// A load looks at near once more before its body runs.
    LookAgain,
    /// An overtaken flight is not joined.
    Joinable,
    /// What is known of the log is taken before anything is read.
    Birth,
    /// Up to where an entry was checked is read while no record can be applied.
    CheckUnderLock,
}

pub(super) struct World {
    pub(super) log: Log,
    pub(super) interest: Arc<Interest>,
    pub(super) board: Arc<Board<u8, u64, u64>>,
    pub(super) near: Mutex<Option<Entry<u64>>>,
    pub(super) source: AtomicU64,
    pub(super) loads: AtomicU64,
    pub(super) without: Without,
}

pub(super) fn key() -> Key {
    Key::from_stored("video:1")
}

pub(super) fn by_key() -> Vec<Group> {
    vec![Group::Key(key())]
}

impl World {
    pub(super) fn new(without: Without) -> Arc<Self> {
        Self::of(Log::resume(&Recall::default(), 7, 16, false), false, without)
    }

    pub(super) fn of(log: Log, strict: bool, without: Without) -> Arc<Self> {
        let interest = Arc::new(Interest::new("video", "video:", Vec::new(), strict));
        log.watch(&interest);
        Arc::new(Self {
            log,
            interest,
            board: Arc::new(Board::new()),
            near: Mutex::new(None),
            source: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            without,
        })
    }

    /// A hit that two integers allow.
    pub(super) fn plain(&self) -> Option<u64> {
        let head = self.interest.head();
        let entry = self.near.lock().clone()?;
        entry.is_fresh(head, 0).then_some(entry.value)
    }

    /// A hit, looked at more closely if the log has moved.
    pub(super) fn hit(&self) -> Option<u64> {
        if let Some(value) = self.plain() {
            return Some(value);
        }
        let entry = self.near.lock().clone()?;
        let mut now = self.log.unnamed_since(&key(), [].into_iter(), entry.checked())?;
        if self.without == Without::CheckUnderLock {
            now = self.log.birth().seq;
        }
        if let Some(kept) = self.near.lock().as_ref()
            && kept.checked() == entry.checked()
        {
            kept.recheck(now);
        }
        Some(entry.value)
    }

    pub(super) fn publish(&self, value: u64, birth: Birth) {
        *self.near.lock() = Some(Entry::new(value, u64::MAX, u64::MAX, birth.seq, 1));
    }

    pub(super) fn take_place(&self) -> Boarded<u8, u64, u64> {
        let joinable = |flight: &Flight<u64, u64>| {
            self.without == Without::Joinable
                || flight.birth.seq >= self.interest.head()
                || self.log.unnamed_since(&key(), [].into_iter(), flight.birth.seq).is_some()
        };
        self.board.board(&1, FlightId::next, 0, || self.log.birth(), joinable)
    }

    /// What a flight does: look again, run the body, publish, land.
    pub(super) async fn fly(self: Arc<Self>, lead: Lead<u8, u64, u64>) {
        use crate::flight::Landing::Kept;
        if self.without != Without::LookAgain
            && let Some(value) = self.plain()
        {
            lead.land(|| {}, Kept(value));
            return;
        }
        yield_now().await;
        self.loads.fetch_add(1, SeqCst);
        let value = self.source.load(SeqCst);
        pause();
        let birth = if self.without == Without::Birth { self.log.birth() } else { lead.flight().birth };
        yield_now().await;
        lead.land(|| self.publish(value, birth), Kept(value));
    }

    pub(super) fn load(self: &Arc<Self>, lead: Lead<u8, u64, u64>) -> Load {
        Load { future: Box::pin(Arc::clone(self).fly(lead)), runtime: Handle }
    }

    /// A call, from near to its answer.
    pub(super) async fn call(self: Arc<Self>) -> u64 {
        if let Some(value) = self.hit() {
            return value;
        }
        loop {
            let (flight, leads) = match self.take_place() {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    drive(&flight.relay, self.load(lead)).await;
                    (flight, true)
                }
                Boarded::Join(flight) => (flight, false),
            };
            match flight.wait(leads).await {
                Told::Kept(value) => return value,
                Told::Lost => {}
                _ => panic!("no load here fails"),
            }
        }
    }

    /// The source changes, and then says so.
    pub(super) fn change(&self) -> Vec<Record> {
        self.source.store(1, SeqCst);
        self.log.append(by_key())
    }
}
