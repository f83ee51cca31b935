//! Nine moments of a load, times what is invalidated, times by which node: 54 races, each held at its moment by a gate.
//!
//! After the invalidation every node reads the new value, one that looks at the shared tier for the first time as well.
//! The control plays the same moments without it: then the old value is what every node must read, or the moment proves
//! nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::clock::Clock;
use cached_runtime::{Builder, Cache, cache};
use kit::Proxy;

use crate::rig::{LONG, Node, Source, eventually, soon};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeLoad,
    BeforeTheSourceIsRead,
    AfterTheSourceIsRead,
    BeforeTheTierHasIt,
    WhilePromoted,
    EagerRefresh,
    ServedStale,
    Warmup,
    WaitingToBeWritten,
}

const MOMENTS: [Moment; 9] = [
    Moment::BeforeLoad,
    Moment::BeforeTheSourceIsRead,
    Moment::AfterTheSourceIsRead,
    Moment::BeforeTheTierHasIt,
    Moment::WhilePromoted,
    Moment::EagerRefresh,
    Moment::ServedStale,
    Moment::Warmup,
    Moment::WaitingToBeWritten,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Key,
    Tag,
    Namespace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    SameNode,
    OtherNode,
}

#[cache(
    key = "race:{id}", tags = ["race:{id}"], ttl = "10m", stale = "1h", refresh_ahead = "1m", soft_timeout = "0s",
    jitter = 0.0, cache = node.cache, skip(node)
)]
async fn race(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// Adds the tier that nodes share, at this port.
pub(crate) type Tier = Box<dyn Fn(Builder, u16) -> Builder + Send + Sync>;

/// Two nodes, one of them behind a proxy, so that it can be held while the other goes on.
pub(crate) struct Race {
    tier: Tier,
    port: u16,
    proxy: Proxy,
    clock: Clock,
    source: Arc<Source>,
    node: Node,
    other: Node,
    next: AtomicU64,
}

impl Race {
    /// Over the tier at this port.
    pub(crate) async fn over(port: u16, tier: Tier) -> Self {
        let proxy = Proxy::to(port);
        let (clock, source) = (Clock::manual(), Arc::new(Source::default()));
        let over = |port| Node { cache: cache_over(&tier, port, &clock), source: Arc::clone(&source) };
        let (node, other) = (over(proxy.port()), over(port));
        node.proven().await;
        other.proven().await;
        Self { tier, port, proxy, clock, source, node, other, next: AtomicU64::new(0) }
    }

    /// Plays all races; how many there were.
    pub(crate) async fn play_all(&self) -> usize {
        let mut played = 0;
        for moment in MOMENTS {
            for names in [Names::Key, Names::Tag, Names::Namespace] {
                for by in [By::SameNode, By::OtherNode] {
                    let all_new = self.play(moment, Some((names, by))).await;
                    assert!(all_new, "{moment:?}, {names:?}, {by:?}: an old value is read");
                    played += 1;
                }
            }
        }
        played
    }

    /// The control: without the invalidation the old value is read.
    pub(crate) async fn play_without(&self) {
        for moment in MOMENTS {
            let all_new = self.play(moment, None).await;
            // What begins after the source has changed reads the new value by itself.
            let reads_new = matches!(moment, Moment::BeforeLoad | Moment::BeforeTheSourceIsRead);
            assert_eq!(all_new, reads_new, "{moment:?}");
        }
    }

    /// Plays one race; true if every node reads the new value at the end.
    async fn play(&self, moment: Moment, invalidate: Option<(Names, By)>) -> bool {
        let id = self.next.fetch_add(1, SeqCst);
        let new = id * 2 + 1;
        self.source.write(new - 1);
        self.prepare(moment, id).await;
        let load = self.begin(moment, id).await;
        // From here on the source says something else.
        self.source.write(new);
        if let Some((names, by)) = invalidate {
            let issuer = if by == By::SameNode { &self.node } else { &self.other };
            let issued = soon("the invalidation", issue(issuer, names, id));
            // The same node cannot reach the tier while it is held: it is let go while the invalidation waits.
            let held =
                matches!(moment, Moment::BeforeTheTierHasIt | Moment::WaitingToBeWritten | Moment::WhilePromoted);
            if held && by == By::SameNode {
                let release = async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    self.proxy.black_hole(false);
                };
                tokio::join!(issued, release);
            } else {
                issued.await;
            }
        }
        self.release(load).await;
        self.end(id, new, invalidate.is_some()).await
    }

    /// What has to be there before the moment.
    async fn prepare(&self, moment: Moment, id: u64) {
        match moment {
            Moment::WhilePromoted => {
                race(&self.other, id).await.unwrap();
                self.other.settled().await;
            }
            Moment::EagerRefresh => {
                race(&self.node, id).await.unwrap();
                self.clock.advance(Duration::from_secs(9 * 60 + 30));
            }
            Moment::ServedStale => {
                race(&self.node, id).await.unwrap();
                self.node.settled().await;
                self.clock.advance(Duration::from_secs(10 * 60 + 30));
            }
            _ => {}
        }
        self.both_follow().await;
    }

    /// Goes up to the moment, and stays there.
    async fn begin(&self, moment: Moment, id: u64) -> Option<tokio::task::JoinHandle<()>> {
        let node = self.node.clone();
        let call = async move { drop(race(&node, id).await) };
        match moment {
            Moment::BeforeLoad => None,
            Moment::BeforeTheSourceIsRead => {
                let node = self.node.clone();
                Some(tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    drop(race(&node, id).await);
                }))
            }
            Moment::AfterTheSourceIsRead | Moment::EagerRefresh | Moment::ServedStale | Moment::Warmup => {
                let gate = &self.source.gate;
                gate.close();
                let before = gate.arrivals();
                let task = match moment {
                    Moment::Warmup => tokio::spawn(refresh(self.node.clone(), id)),
                    _ => tokio::spawn(call),
                };
                gate.arrived(before + 1).await;
                Some(task)
            }
            Moment::BeforeTheTierHasIt | Moment::WaitingToBeWritten => {
                self.proxy.black_hole(true);
                if moment == Moment::WaitingToBeWritten {
                    // The worker is busy with this one; the next waits behind it.
                    refresh(self.node.clone(), id + 1_000_000).await;
                }
                // Does not ask the tier, which would not answer.
                refresh(self.node.clone(), id).await;
                None
            }
            Moment::WhilePromoted => {
                self.proxy.black_hole(true);
                let task = tokio::spawn(call);
                tokio::time::sleep(Duration::from_millis(10)).await;
                Some(task)
            }
        }
    }

    async fn release(&self, load: Option<tokio::task::JoinHandle<()>>) {
        self.proxy.black_hole(false);
        self.source.gate.open();
        if let Some(load) = load {
            soon("the load", load).await.unwrap();
        }
    }

    /// Once all is said and written: does every node read the new value?
    async fn end(&self, id: u64, new: u64, invalidated: bool) -> bool {
        self.both_follow().await;
        self.node.settled().await;
        self.other.settled().await;
        let start = Instant::now();
        // Another node learns of it a moment later; the one that asked knows.
        while invalidated && race(&self.other, id).await != Ok(new) && start.elapsed() < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while invalidated && race(&self.node, id).await != Ok(new) && start.elapsed() < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let third = Node { cache: cache_over(&self.tier, self.port, &self.clock), source: Arc::clone(&self.source) };
        third.proven().await;
        let mut all_new = true;
        for node in [&self.node, &self.other, &third] {
            all_new &= race(node, id).await == Ok(new);
        }
        all_new
    }

    async fn both_follow(&self) {
        self.node.proven().await;
        self.other.proven().await;
        let number = || (self.node.cache.shared().unwrap().number, self.other.cache.shared().unwrap().number);
        eventually("both have read the same", || number().0 == number().1).await;
    }
}

/// What is held must not run into a deadline.
fn cache_over(tier: &Tier, port: u16, clock: &Clock) -> Cache {
    let builder = Cache::builder().clock(clock.clone()).read_deadline(LONG).write_deadline(LONG);
    // A clock that was moved by minutes makes every proof old: what is stored must stay until the next one.
    let builder = builder.suspect_cap(Duration::from_secs(24 * 3_600));
    tier(builder, port).build().unwrap()
}

async fn issue(node: &Node, names: Names, id: u64) {
    match names {
        Names::Key => drop(node.cache.invalidate_key(&race::key(node, id)).await),
        Names::Tag => drop(node.cache.invalidate_tags([format!("race:{id}")]).await),
        Names::Namespace => drop(node.cache.invalidate_namespace("race").await.unwrap()),
    }
}

/// As a warm-up does: loads though there may be an answer.
async fn refresh(node: Node, id: u64) {
    drop(race::refresh(&node, id).await);
}
