//! Connections driven by the callers' own runtimes.
//!
//! A connection that is driven by another thread than its callers' costs each read two hops between threads, which on
//! loopback is more than Redis itself takes. So reads from inside a runtime get connections that live in it. Until they
//! are open, and for callers without one, there is the fan that the follower's thread drives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use redis::Client;
use tokio::runtime::{Handle, Id};

use super::line::{Fan, Ident};
use super::options::RedisOptions;

/// More runtimes than these share the follower's connections.
const MOST: usize = 8;
/// After connections could not be opened they are tried again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// The connections of each runtime.
pub(super) struct Homes(RwLock<Vec<Home>>);

struct Home {
    runtime: Id,
    /// None while they are being opened.
    fan: Option<Arc<Fan>>,
    /// If they are not open by now, it did not work, or its task was ended: whoever comes next tries again.
    given_up: Instant,
}

impl Homes {
    pub(super) fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// The runtime that this is called in and its connections, if they are open; if there are none, they are opened.
    pub(super) fn here(self: &Arc<Self>, client: &Client, options: &RedisOptions) -> Option<(Arc<Fan>, Handle)> {
        let runtime = Handle::try_current().ok()?;
        let id = runtime.id();
        if let Some(home) = self.0.read().iter().find(|home| home.runtime == id) {
            return home.fan.clone().map(|fan| (fan, runtime));
        }
        self.settle(&runtime, client, options);
        None
    }

    #[cold]
    fn settle(self: &Arc<Self>, runtime: &Handle, client: &Client, options: &RedisOptions) {
        let id = runtime.id();
        {
            let mut homes = self.0.write();
            if homes.len() >= MOST || homes.iter().any(|home| home.runtime == id) {
                return;
            }
            homes.push(Home { runtime: id, fan: None, given_up: Instant::now() + options.connect + AGAIN });
        }
        let (homes, client, options) = (Arc::clone(self), client.clone(), options.clone());
        drop(runtime.spawn(async move {
            let opened = tokio::time::timeout(options.connect, Fan::open(&client, &options)).await;
            if let Ok(Ok(fan)) = opened
                && let Some(home) = homes.0.write().iter_mut().find(|home| home.runtime == id)
            {
                home.fan = Some(Arc::new(fan));
            }
        }));
    }

    /// Gives up connections that do not answer: their runtime has ended, or nobody drives it.
    pub(super) async fn check(&self) {
        let now = Instant::now();
        self.0.write().retain(|home| home.fan.is_some() || now < home.given_up);
        let all: Vec<(Id, Arc<Fan>)> =
            self.0.read().iter().filter_map(|home| Some((home.runtime, home.fan.clone()?))).collect();
        for (id, fan) in all {
            if fan.ping().await.is_err() {
                self.0.write().retain(|home| home.runtime != id);
            }
        }
    }

    pub(super) fn idents(&self) -> Vec<Ident> {
        self.0
            .read()
            .iter()
            .filter_map(|home| home.fan.as_ref())
            .flat_map(|fan| fan.idents().collect::<Vec<_>>())
            .collect()
    }
}
