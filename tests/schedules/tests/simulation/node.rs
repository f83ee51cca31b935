//! One node: its log, its near tier, its reader, and what it does a step at a time.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use crate::Without;
use crate::error::{Error, ErrorKind, Result};
use crate::follow::{Follow, Reader, Seen};
use crate::group::{Cursor, Group, Recall};
use crate::log::{Birth, Interest, Log};
use crate::near::entry::Entry;
use crate::server::{Named, Server};
use crate::tier::Reply;
use crate::tier::behind::{Taken, WeakBehind};
use crate::tier::shared::{Heard, Met, News, SharedLog};

/// Groups a node remembers one by one: few, so that some are folded.
const GROUPS: usize = 4;

/// The way of one node to the server, and what the server said last.
pub(crate) struct Line {
    pub(crate) server: Arc<Mutex<Server>>,
    pub(crate) node: u64,
    pub(crate) up: AtomicBool,
    pub(crate) admitted: AtomicBool,
    pub(crate) fresh: Mutex<u64>,
    /// What the records stand for that were read and are not applied yet.
    pub(crate) read: Mutex<Vec<Named>>,
    pub(crate) lately: Mutex<Vec<(Group, Named)>>,
    /// Which run of the frames' server was seen last.
    pub(crate) run: AtomicU64,
    pub(crate) without: Without,
}

/// One turn of the others, before each command reaches the server.
async fn turn() {
    let mut waited = false;
    poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

impl Line {
    async fn ask<T>(&self, ask: impl FnOnce(&mut Server, u64) -> T) -> Result<T> {
        turn().await;
        if !self.up.load(SeqCst) {
            return Err(Error::new(ErrorKind::Deadline, "the network is parted"));
        }
        let fresh = self.fresh();
        Ok(ask(&mut self.server.lock().unwrap(), fresh))
    }

    /// A number that was never given out: epochs and nonces.
    pub(crate) fn fresh(&self) -> u64 {
        let mut fresh = self.fresh.lock().unwrap();
        *fresh += 16;
        *fresh
    }
}

impl SharedLog for Line {
    fn connect(&self) -> Reply<'_, ()> {
        Box::pin(self.ask(|_, _| ()))
    }

    fn meet(&self, known: Cursor, read: Cursor) -> Reply<'_, Met> {
        Box::pin(async move {
            let (top, known, read) = self.ask(|server, fresh| server.meet(known, read, fresh)).await?;
            Ok(Met { top, holds_known: known > 0, holds_read: read == 1 })
        })
    }

    fn renew(&self, epoch: u64) -> Reply<'_, ()> {
        Box::pin(self.ask(move |server, fresh| server.renew(epoch, fresh)))
    }

    fn groups(&self) -> Reply<'_, Vec<(Group, u64)>> {
        Box::pin(self.ask(|server, _| server.groups()))
    }

    fn read(&self, after: Cursor, _: Duration) -> Reply<'_, News> {
        Box::pin(async move {
            let (entries, complete) = self.ask(|server, _| server.read(after)).await?;
            let others = entries.iter().filter(|entry| entry.by != self.node);
            *self.read.lock().unwrap() = others.flat_map(|entry| entry.named.clone()).collect();
            let epoch = after.position.epoch;
            let heard = entries.into_iter().map(|entry| {
                // The stream's ids hold no epoch: it is the reader's own.
                let at = Cursor { position: crate::group::Position { epoch, ..entry.at.position }, ..entry.at };
                Heard { at, own: entry.by == self.node, groups: entry.groups }
            });
            Ok(News { heard: heard.collect(), complete, moved: false })
        })
    }

    fn is_late(&self) -> bool {
        false
    }

    fn check(&self) -> Reply<'_, bool> {
        // By the connections of callers, and without a turn of its own.
        let seen = if self.up.load(SeqCst) { self.server.lock().unwrap().run } else { self.run.load(SeqCst) };
        Box::pin(std::future::ready(Ok(self.run.swap(seen, SeqCst) != seen)))
    }

    fn admit(&self, admit: bool) {
        self.admitted.store(admit, SeqCst);
    }

    fn remembered(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (group, _) in self.lately.lock().unwrap().iter() {
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
        groups
    }
}

/// What the log is still to be told: groups, and what they stand for.
pub(crate) type Owed = VecDeque<(Vec<Group>, Vec<Named>)>;

pub(crate) struct Load {
    pub(crate) row: usize,
    pub(crate) birth: Birth,
    pub(crate) floor: u64,
    pub(crate) stage: Stage,
    /// Is the flight still the key's own?
    pub(crate) current: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    Look,
    Source,
    Store(u64),
    Answer(u64),
}

pub(crate) enum Write {
    Committed(Named, Vec<Group>),
    Applied(Named, Vec<crate::group::Record>),
    Told(Named, Vec<crate::group::Record>),
}

pub(crate) struct Node {
    pub(crate) line: Arc<Line>,
    pub(crate) log: Arc<Log>,
    pub(crate) interest: Arc<Interest>,
    pub(crate) near: Vec<Option<Entry<u64>>>,
    /// The newest version of each row whose invalidation returned here, or was applied here.
    pub(crate) must: Vec<u64>,
    pub(crate) loads: Vec<Load>,
    pub(crate) write: Option<Write>,
    pub(crate) owed: Owed,
    /// What the reader had said again, and what it had the own tier told.
    pub(crate) again: Taken,
    pub(crate) told: Taken,
    pub(crate) follow: Arc<Follow>,
    session: Pin<Box<dyn Future<Output = ()>>>,
}

impl Node {
    pub(crate) fn new(line: Arc<Line>, rows: usize) -> Self {
        line.admitted.store(false, SeqCst);
        let log = Arc::new(Log::resume(&Recall::default(), line.fresh(), GROUPS, true));
        let interest = Arc::new(Interest::new("row", "row:", vec!["t:".to_owned()], false));
        log.watch(&interest);
        let (again, told) = (Taken::default(), Taken::default());
        let follow = Arc::new(Follow {
            shared: Arc::clone(&line) as Arc<dyn SharedLog>,
            log: Arc::clone(&log),
            tier: WeakBehind(Arc::clone(&again)),
            own: Some(WeakBehind(Arc::clone(&told))),
            seen: Seen::default(),
        });
        let session = Box::pin(session(Arc::clone(&follow)));
        Self {
            line,
            log,
            interest,
            near: vec![None; rows],
            must: vec![0; rows],
            loads: Vec::new(),
            write: None,
            owed: Owed::new(),
            again,
            told,
            follow,
            session,
        }
    }

    /// One step of the follower: at most one command of its own.
    pub(crate) fn follow_on(&mut self) {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(self.session.as_mut().poll(&mut cx).is_pending(), "it follows for as long as the node lives");
        let applied = !std::mem::take(&mut *self.told.lock().unwrap()).is_empty();
        let read = std::mem::take(&mut *self.line.read.lock().unwrap());
        if applied {
            read.into_iter().for_each(|(row, version)| self.must[row] = self.must[row].max(version));
        } else {
            *self.line.read.lock().unwrap() = read;
        }
        let again = std::mem::take(&mut *self.again.lock().unwrap());
        let again = if self.line.without == Without::SaidAgain { Vec::new() } else { again };
        for record in again {
            let lately = self.line.lately.lock().unwrap();
            let named = lately.iter().filter(|(group, _)| *group == record.group).map(|(_, named)| *named).collect();
            self.owed.push_back((vec![record.group], named));
        }
    }

    /// Has it seen that another server holds the frames now, and noted what that is to be told again?
    pub(crate) fn is_in_step(&self) -> bool {
        self.line.run.load(SeqCst) == self.line.server.lock().unwrap().run && self.again.lock().unwrap().is_empty()
    }

    /// May the server be read and written by callers?
    pub(crate) fn is_open(&self) -> bool {
        let closed = self.line.without != Without::Closed && !self.owed.is_empty();
        self.line.admitted.load(SeqCst) && self.line.up.load(SeqCst) && !closed
    }
}

/// The runtime's session, without its clock: look, catch up, let callers through, read and look.
async fn session(follow: Arc<Follow>) {
    let mut reader = Reader::new(&follow, None);
    loop {
        let error = one_connection(&follow, &mut reader).await;
        assert!(error.is_err());
        follow.shared.admit(false);
        follow.log.suspect();
        turn().await;
    }
}

async fn one_connection(follow: &Follow, reader: &mut Reader) -> Result<()> {
    follow.shared.connect().await?;
    reader.look().await?;
    while !reader.read_on(Duration::ZERO).await? {}
    follow.shared.admit(true);
    follow.log.prove();
    loop {
        let complete = reader.read_on(Duration::ZERO).await?;
        if complete {
            follow.log.prove();
        }
        reader.look().await?;
        if follow.shared.check().await? {
            reader.say_again();
        }
    }
}
