//! The write-behind shelf: nothing invalidated comes back, nothing is lost unreported, nobody waits for long.

mod backlog;
mod ending;
mod failing;
mod order;
mod reading;
mod storm;
mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::codec::Frame;
use cached_runtime::error::{ErrorKind, Result};
use cached_runtime::group::Record;
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::{Applied, Behind, BehindOptions, Flushed, Judge, Tier};

use crate::shelf::{Log, Shelf, key};

const LONG: Duration = Duration::from_secs(60);

struct Rig {
    shelf: Arc<Shelf>,
    chaos: Arc<Chaos>,
    log: Log,
    behind: Behind,
}

fn options() -> BehindOptions {
    let ms = Duration::from_millis;
    BehindOptions {
        clock: Clock::manual(),
        retry: ms(5),
        sweep_every: ms(1),
        idle_every: ms(1),
        ..BehindOptions::default()
    }
}

fn rig() -> Rig {
    rig_with(options(), None)
}

fn rig_with(options: BehindOptions, judge: Option<Judge>) -> Rig {
    let shelf = Arc::new(Shelf::default());
    let chaos = Arc::new(Chaos::new(Arc::clone(&shelf) as Arc<dyn Tier>, 1));
    let log = Log::default();
    let judge = judge.unwrap_or_else(|| log.judge());
    let behind = Behind::start(Arc::clone(&chaos) as Arc<dyn Tier>, judge, options);
    Rig { shelf, chaos, log, behind }
}

impl Rig {
    async fn get(&self, name: &str) -> Result<Option<Frame>> {
        self.behind.get(&[key(name)]).await.map(|mut found| found.remove(0))
    }

    async fn sees(&self, name: &str) -> bool {
        self.get(name).await.unwrap().is_some()
    }

    /// As the stack does it: the log first, then the shelf.
    async fn invalidate(&self, record: Record) -> Applied {
        self.log.add(&record);
        self.behind.apply(vec![record]).await
    }

    /// Lets the worker go on when the flush has begun to count.
    async fn release_and_flush(&self) -> Flushed {
        tokio::join!(self.behind.flush(LONG), async { self.chaos.calm() }).0
    }

    /// Holds the worker in the middle of writing a batch of these frames.
    async fn hold_writing(&self, frames: Vec<Frame>) {
        let gate = self.chaos.before(Operation::Put);
        gate.close();
        let before = gate.arrivals();
        for frame in frames {
            self.behind.put(frame).unwrap();
        }
        gate.arrived(before + 1).await;
    }
}

fn kind<T>(answer: Result<T>) -> Option<ErrorKind> {
    answer.err().map(|e| e.kind())
}

fn written(written: usize) -> Flushed {
    Flushed { written, ..Flushed::default() }
}
