//! A few connections, and statements that run on any of them.
//!
//! Not the driver's pool: that asks the server a question of its own whenever a connection comes back, which doubles the
//! work of a hit, and it tries for as long as one may wait when a server refuses, without a word on why.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::address::Address;
use super::dialect::Dialect;
use super::fault::{self, Next, Trouble};
use super::line::{Done, Line, Row, Value, Want};
use crate::tier::fault::{Fault, Harm};

/// How long to wait for the server, or for one of our own connections. A little longer than a statement may take there.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// A connection that lay idle for longer is not used again: what stands between us and the server may have forgotten it.
const STALE: Duration = Duration::from_secs(60);

/// A connection that stands with others and lay idle for longer is asked whether it is alive.
const QUIET: Duration = Duration::from_secs(2);

/// How often a statement is sent, at most, when other nodes are in its way.
pub(super) const TURNS: u32 = 4;

/// The connections to one server.
pub(super) struct Links {
    address: Address,
    turns: Semaphore,
    idle: Mutex<Vec<Idle>>,
    /// Were all made at once, and is none made in the place of another?
    stand_together: bool,
}

struct Idle {
    line: Line,
    since: Instant,
}

/// A connection in use. Whoever drops it has hung up.
pub(super) struct Link<'a> {
    pub(super) line: Line,
    /// Made for this use; then it cannot have died before.
    fresh: bool,
    _turn: SemaphorePermit<'a>,
}

impl Links {
    pub(super) fn new(address: Address, connections: u32) -> Self {
        let turns = Semaphore::new(usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS));
        Self { address, turns, idle: Mutex::default(), stand_together: false }
    }

    /// Connections that stand and fall together: all are made now, side by side, and none in the place of one that was
    /// lost. One that was made later might lead to another server than the others.
    pub(super) async fn together(address: &Address, connections: u32) -> Result<Self, Fault> {
        let links = Self { stand_together: true, ..Self::new(address.clone(), connections) };
        let making: Vec<_> = (0..links.turns.available_permits())
            .map(|_| {
                let address = address.clone();
                tokio::spawn(async move { greeted(&address, true).await })
            })
            .collect();
        for made in making {
            let line = made.await.map_err(|_| fault::LOST)??;
            links.idle().push(Idle { line, since: Instant::now() });
        }
        Ok(links)
    }

    /// The rows that a statement finds.
    pub(super) async fn rows(&self, sql: &Arc<str>, values: &[Value]) -> Result<Vec<Row>, Fault> {
        Ok(self.ask(sql, values, Want::Rows).await?.rows)
    }

    /// The only row of a statement that always finds one.
    pub(super) async fn row(&self, sql: &Arc<str>, values: &[Value]) -> Result<Row, Fault> {
        self.rows(sql, values).await?.pop().ok_or(fault::MISSING)
    }

    /// Runs a statement, and says how many rows it has changed.
    pub(super) async fn change(&self, sql: &Arc<str>, values: &[Value]) -> Result<u64, Fault> {
        Ok(self.ask(sql, values, Want::Change).await?.changed)
    }

    /// Sends a statement, again where that can help: after a conflict with another node, and when a connection that lay
    /// idle has died meanwhile. One that was just made has no such excuse, so this comes to an end.
    async fn ask(&self, sql: &Arc<str>, values: &[Value], want: Want) -> Result<Done, Fault> {
        let mut turns = 1;
        loop {
            let mut link = self.take().await?;
            let trouble = match timeout(LIMIT, link.line.ask(sql, values, want)).await {
                Ok(Ok(done)) => {
                    self.give_back(link);
                    return Ok(done);
                }
                Ok(Err(e)) => Trouble::from(e),
                // Nobody knows what state it is in.
                Err(_) => return Err(fault::SILENT),
            };
            let fresh = link.fresh;
            if trouble.next != Next::Another {
                self.give_back(link);
            }
            match trouble.next {
                Next::Again if turns < TURNS => turns += 1,
                Next::Another if !fresh => {}
                _ => return Err(trouble.fault),
            }
        }
    }

    /// Runs a batch without parameters.
    pub(super) async fn batch(&self, sql: String) -> Result<(), Fault> {
        let mut link = self.take().await?;
        match timeout(LIMIT, link.line.batch(sql)).await {
            Ok(Ok(())) => {
                self.give_back(link);
                Ok(())
            }
            Ok(Err(e)) => Err(Trouble::from(e).fault),
            Err(_) => Err(fault::SILENT),
        }
    }

    /// A connection of its own for one statement that may take long.
    pub(super) async fn aside(&self, limit: Duration, sql: &Arc<str>, values: &[Value]) -> Result<Vec<Row>, Fault> {
        let mut line = connected(&self.address).await?;
        let done = timeout(limit, line.ask(sql, values, Want::Rows)).await.map_err(|_| fault::SILENT)?;
        let rows = done.map_err(|e| Trouble::from(e).fault)?.rows;
        let _ = timeout(LIMIT, line.close()).await;
        Ok(rows)
    }

    /// Are those connections alive that nobody has used for a while? Also keeps what stands between from forgetting them.
    pub(super) async fn check(&self, sql: &Arc<str>) -> Result<(), Fault> {
        while let Ok(turn) = self.turns.try_acquire() {
            let quiet = |idle: &Idle| idle.since.elapsed() > QUIET;
            let oldest = {
                let mut idle = self.idle();
                if idle.first().is_some_and(quiet) { idle.remove(0) } else { return Ok(()) }
            };
            let mut link = Link { line: oldest.line, fresh: true, _turn: turn };
            match timeout(LIMIT, link.line.ask(sql, &[], Want::Rows)).await {
                Ok(Ok(_)) => self.give_back(link),
                Ok(Err(e)) => return Err(Trouble::from(e).fault),
                Err(_) => return Err(fault::SILENT),
            }
        }
        Ok(())
    }

    pub(super) async fn take(&self) -> Result<Link<'_>, Fault> {
        let turn = match timeout(LIMIT, self.turns.acquire()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(Fault::new(Harm::Passing, "the tier was closed")),
            Err(_) => return Err(fault::BUSY),
        };
        let idle = self.idle().pop().filter(|idle| self.stand_together || idle.since.elapsed() < STALE);
        Ok(match idle {
            // Where they stand together, one that has died is not replaced.
            Some(Idle { line, .. }) => Link { line, fresh: self.stand_together, _turn: turn },
            None if self.stand_together => return Err(fault::LOST),
            None => Link { line: greeted(&self.address, false).await?, fresh: true, _turn: turn },
        })
    }

    pub(super) fn give_back(&self, link: Link<'_>) {
        if !self.turns.is_closed() {
            // The latest is used first, so that what a quiet time does not need is let go.
            self.idle().push(Idle { line: link.line, since: Instant::now() });
        }
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.address.dialect()
    }

    /// Takes leave of all that are idle; the others end with what they do.
    pub(super) async fn close(&self) {
        self.turns.close();
        let idle = std::mem::take(&mut *self.idle());
        let all = async {
            for Idle { line, .. } in idle {
                line.close().await;
            }
        };
        // Those not taken leave of by then are hung up.
        let _ = timeout(LIMIT, all).await;
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connected(address: &Address) -> Result<Line, Fault> {
    let connected = timeout(LIMIT, address.connect()).await.map_err(|_| fault::SILENT)?;
    connected.map_err(|e| fault::refused(e, address.insists_on_tls()))
}

/// A connection that was told what it has to know.
async fn greeted(address: &Address, transacts: bool) -> Result<Line, Fault> {
    let mut line = connected(address).await?;
    let greeted = timeout(LIMIT, line.greet(address.dialect(), transacts)).await.map_err(|_| fault::SILENT)?;
    greeted.map_err(|e| Trouble::from(e).fault)?;
    Ok(line)
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, idle) = (&self.address, self.idle().len());
        f.debug_struct("Links").field("address", address).field("idle", &idle).finish_non_exhaustive()
    }
}
