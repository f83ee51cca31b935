//! L2: frames in Redis, and the log of invalidations that all nodes share.

mod ages;
mod append;
mod clear;
mod cluster;
mod entry;
mod failure;
mod frames;
mod gather;
mod homes;
mod lease;
mod line;
mod link;
mod log;
mod names;
mod options;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod replies;
mod route;
mod script;
mod slots;
mod state;
mod sweep;
mod target;
mod tls;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use redis::{Cmd, Script};

use self::ages::Ages;
use self::cluster::Cluster;
use self::link::Link;
use self::names::RedisNames;
use self::script::Scripts;
use self::state::Rights;
use self::sweep::Sweeps;
use self::target::Target;
use super::forgetful::remembers_nothing;
use super::lag::Lags;
use super::notice::Notice;
use super::shared::{Echo, Held, Memory};
use super::{Cleared, Reply, Step, Tidied, Tier, TierState};
use crate::chance::Chance;
use crate::clock::Clock;
use crate::codec::{Frame, Veil};
use crate::group::Record;
use crate::key::Key;

pub use options::RedisOptions;

/// A tier in Redis or Valkey, with the shared log.
///
/// A read is one `GETRANGE`, bounded in length; what is stored carries its own life, so no second question is asked.
/// Frames are stored by a script that refuses them if their key was invalidated after their load began. The tier is
/// opened and looked after by the cache that it was given to.
#[derive(Clone)]
pub(crate) struct Redis(Arc<Room>);

struct Room {
    options: RedisOptions,
    /// To the one server there is; of a cluster, to the one that has the log.
    link: Link,
    cluster: Option<Arc<Cluster>>,
    names: RedisNames,
    scripts: Scripts,
    /// What hides keys and tags from the server, if they are secret.
    veil: Option<Arc<Veil>>,
    clock: Clock,
    chance: Chance,
    notice: Notice,
    /// This process, among those that write to the log.
    node: u64,
    echo: Echo,
    /// The epoch that this node goes by.
    epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
    memory: Memory,
    ages: Mutex<Ages>,
    sweeps: Mutex<Sweeps>,
    held: Held,
    /// How many entries of the log are asked for at once.
    entries: AtomicUsize,
    rights: Rights,
    lags: Arc<Lags>,
    /// When the server took the entries that were read last, in microseconds: they are applied when the log is read
    /// again.
    applying: Mutex<Vec<u64>>,
    /// Has this node caught up with the log once? What came before it was there is not late.
    caught_up: AtomicBool,
}

impl Redis {
    /// The tier, without a connection yet. `echo` is told where one's own records are; `epoch` says which epoch is met;
    /// `lags` is told how long those of others took.
    pub(crate) fn new(
        options: RedisOptions,
        clock: Clock,
        veil: Option<Arc<Veil>>,
        echo: Echo,
        epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
        lags: Arc<Lags>,
    ) -> Self {
        let chance = Chance::unknown();
        let names = RedisNames::new(&options.prefix, veil.clone());
        let cluster = match &options.target {
            Target::Cluster(seeds) => Some(Cluster::new(options.clone(), seeds.clone(), names.meta.clone())),
            Target::One(_) | Target::Sentinels { .. } => None,
        };
        Self(Arc::new(Room {
            link: Link::new(options.clone()),
            cluster,
            names,
            scripts: Scripts::new(),
            veil,
            notice: Notice::new("redis", clock.clone()),
            clock,
            node: chance.next(),
            chance,
            echo,
            epoch,
            memory: Memory::default(),
            ages: Mutex::new(Ages::new(options.fence)),
            sweeps: Mutex::default(),
            held: Held::default(),
            entries: AtomicUsize::new(log::ENTRIES),
            rights: Rights::default(),
            lags,
            applying: Mutex::default(),
            caught_up: AtomicBool::new(false),
            options,
        }))
    }
}

impl Room {
    /// A call of a script that was loaded when the connection was opened.
    fn call(&self, script: &Script, keys: usize) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(script.get_hash()).arg(keys);
        call
    }

    /// How long a fence stands, in milliseconds.
    fn fence(&self) -> u64 {
        u64::try_from(self.options.fence.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Tier for Redis {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        // Each in a box of its size: most reads are of one key.
        match keys {
            [key] => Box::pin(self.0.get_one(key)),
            _ => Box::pin(self.0.get_many(keys)),
        }
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(self.0.put(frames))
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(self.0.append(records))
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(self.0.remove(keys))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.0.tidy(step))
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(self.0.clear(after, most))
    }

    fn state(&self) -> Reply<'_, TierState> {
        Box::pin(self.0.state())
    }

    remembers_nothing!();

    fn close(&self) -> Reply<'_, ()> {
        self.0.admit(false);
        if let Some(cluster) = &self.0.cluster {
            cluster.close();
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redis")
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("options", &self.0.options).field("link", &self.0.link).finish_non_exhaustive()
    }
}
