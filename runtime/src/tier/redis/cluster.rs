//! A cluster: each command goes to the server that has its slot, and a server that is away takes no other with it.
//!
//! Connections are made, and looked after, by the one who follows the log. Where a slot has moved, servers say so, and
//! callers go there; what the cluster as a whole says is asked for every second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use redis::{Client, Cmd, Pipeline, Value};

use super::failure::{ASK, MOVED, PLACE, breaks, failure};
use super::line::Line;
use super::link::{Lane, Link};
use super::names::slot_of;
use super::options::RedisOptions;
use super::slots::{Range, Server, Slots, read_slots};
use super::target::{Seeds, unfit};
use crate::error::{Error, ErrorKind, Result};
use crate::join::join;

/// How often a command follows its slot to another server.
const HOPS: usize = 4;
/// How long one server may take to tell who has which slot.
const TELL: Duration = Duration::from_millis(300);
/// How long one server may keep what was sent to several waiting.
const WRITE: Duration = Duration::from_millis(80);
/// So many calls in a row that were given up, and a server is as if away until it answers a ping.
const LATE: u32 = 3;

/// The servers of a cluster.
pub(super) struct Cluster {
    options: RedisOptions,
    seeds: Seeds,
    slots: RwLock<Slots>,
    /// May callers use them?
    admits: AtomicBool,
    /// Was a server met that is new, and may lack what the one before was told last?
    news: AtomicBool,
    /// Where the log is.
    log: String,
    log_at: Mutex<String>,
}

impl Cluster {
    pub(super) fn new(options: RedisOptions, seeds: Seeds, log: String) -> Arc<Self> {
        Arc::new(Self {
            options,
            seeds,
            slots: RwLock::new(Slots::new()),
            admits: AtomicBool::new(false),
            news: AtomicBool::new(false),
            log,
            log_at: Mutex::default(),
        })
    }

    /// Asks the cluster who has which slot, and answers who has the log.
    pub(super) async fn meet(&self) -> Result<Client> {
        let ranges = self.ask_around().await?;
        let mut slots = self.slots.write();
        slots.take(&ranges, &self.options);
        let place = match slots.owner(slot_of(&self.log)) {
            Some(owner) => owner.place.clone(),
            None => return Err(Error::new(ErrorKind::Tier, "nobody in the cluster has the log's slot")),
        };
        let client = self.seeds.client(&place, &self.options.tls)?;
        *self.log_at.lock() = place;
        Ok(client)
    }

    async fn ask_around(&self) -> Result<Vec<Range>> {
        let known = self.slots.read().servers().iter().map(|server| server.place.clone()).collect::<Vec<_>>();
        let mut last = Error::new(ErrorKind::Deadline, "no server of the cluster answers in time");
        for place in known.iter().chain(&self.seeds.places) {
            match tokio::time::timeout(TELL, self.ask_one(place)).await {
                Ok(Ok(ranges)) => return Ok(ranges),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        Err(last)
    }

    async fn ask_one(&self, place: &str) -> Result<Vec<Range>> {
        let line = Line::open(&self.seeds.client(place, &self.options.tls)?, &self.options).await?;
        let answer = line.one(redis::cmd("CLUSTER").arg("SLOTS")).await?;
        read_slots(&answer, place).ok_or_else(|| unfit("the cluster tells its slots in an unknown form"))
    }

    /// Makes connections to all servers, as far as they are there.
    pub(super) async fn open(&self) {
        let servers = self.slots.read().servers().to_vec();
        let first = !servers.iter().any(|server| server.was_met());
        let mendings = servers.iter().filter_map(Server::mend);
        join(mendings.map(|mending| Box::pin(async move { self.mend(&mending.0).await })).collect()).await;
        if first {
            self.news.store(false, Ordering::Release);
        }
    }

    /// Looks after the connections, without waiting for those that are in trouble. Answers whether a server has started
    /// anew or taken over: it may lack what the one before was told last.
    pub(super) async fn check(self: &Arc<Self>, log: &Link) -> Result<bool> {
        let answer = tokio::time::timeout(TELL, log.one(Lane::Log, redis::cmd("CLUSTER").arg("SLOTS"))).await;
        let answer = answer.map_err(|_| Error::new(ErrorKind::Deadline, "the cluster does not tell its slots"))??;
        let at = self.log_at.lock().clone();
        let ranges = read_slots(&answer, &at).ok_or_else(|| unfit("the cluster tells its slots in an unknown form"))?;
        let servers = {
            let mut slots = self.slots.write();
            slots.take(&ranges, &self.options);
            if slots.owner(slot_of(&self.log)).is_none_or(|owner| owner.place != at) {
                return Err(Error::new(ErrorKind::Tier, "the log has moved to another server").with("code", MOVED));
            }
            slots.servers().to_vec()
        };
        for mending in servers.iter().filter_map(Server::mend) {
            let cluster = Arc::clone(self);
            drop(tokio::spawn(async move { cluster.mend(&mending.0).await }));
        }
        Ok(self.news.swap(false, Ordering::AcqRel))
    }

    async fn mend(&self, server: &Server) {
        if server.link.check().await.is_ok() {
            return;
        }
        let client = async { self.seeds.client(&server.place, &self.options.tls) };
        match server.link.connect_to(client).await {
            Ok(()) => self.met(server),
            Err(error) if server.is_news(true) => {
                tracing::warn!(server = server.place, %error, "a server of the cluster is away, and the keys it has");
            }
            Err(_) => {}
        }
    }

    fn met(&self, server: &Server) {
        if server.is_another(server.link.run()) {
            self.news.store(true, Ordering::Release);
        }
        server.link.admit(true);
        if server.is_news(false) {
            tracing::info!(server = server.place, "a server of the cluster is used again, and the keys it has");
        }
    }

    /// Does a server keep its callers waiting, while nobody looks after it?
    pub(super) fn is_late(&self) -> bool {
        let slots = self.slots.read();
        slots.servers().iter().any(|server| server.link.late() >= LATE && !server.is_mended_now())
    }

    pub(super) fn admit(&self, admit: bool) {
        self.admits.store(admit, Ordering::Release);
    }

    pub(super) fn close(&self) {
        self.admit(false);
        self.slots.read().servers().iter().for_each(|server| server.link.admit(false));
    }

    /// One command to whoever has the slot.
    pub(super) async fn one(&self, lane: Lane, slot: u16, command: &Cmd) -> Result<Value> {
        let mut server = self.reach(slot)?;
        let mut asking = false;
        for _ in 0..HOPS {
            let answer =
                if asking { server.link.asking(lane, command).await } else { server.link.one(lane, command).await };
            let Err(error) = answer else { return answer };
            let Some(next) = self.next(slot, &error) else { return Err(in_part(error)) };
            if !is_usable(&next) {
                return Err(away());
            }
            asking = error.context("code") == Some(ASK);
            server = next;
        }
        Err(away())
    }

    /// Several, each with its slot, all servers at once; what became of each.
    pub(super) async fn each(&self, lane: Lane, commands: Vec<(u16, Cmd)>) -> Vec<Result<Value>> {
        let mut answers: Vec<Result<Value>> = commands.iter().map(|_| Err(away())).collect();
        let mut shares: Vec<Share> = Vec::new();
        for (place, (slot, command)) in commands.into_iter().enumerate() {
            match self.reach(slot) {
                Ok(server) => share(&mut shares, server, (place, slot), command),
                Err(error) => answers[place] = Err(error),
            }
        }
        let sent = shares.into_iter().map(|share| {
            Box::pin(async move {
                let told = match tokio::time::timeout(WRITE, share.server.link.many(lane, &share.commands)).await {
                    Ok(told) => told,
                    Err(_) => Err(away()),
                };
                (share, told)
            })
        });
        for (share, told) in join(sent.collect()).await {
            self.sort(lane, &share, told, &mut answers).await;
        }
        answers
    }

    /// Puts the answers of one server in their places; who was sent elsewhere goes there.
    async fn sort(&self, lane: Lane, share: &Share, told: Result<Vec<Value>>, answers: &mut [Result<Value>]) {
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                let error = in_part(error);
                share.places.iter().for_each(|(place, _)| answers[*place] = Err(error.clone()));
                return;
            }
        };
        for (value, (&(place, slot), command)) in
            told.into_iter().zip(share.places.iter().zip(share.commands.cmd_iter()))
        {
            answers[place] = match value {
                Value::ServerError(error) => match failure(&error.into()) {
                    error if error.context(PLACE).is_some() => self.one(lane, slot, command).await,
                    error => Err(in_part(error)),
                },
                value => Ok(value),
            };
        }
    }

    /// A command to one server after the other, by number; none if there is no such server.
    pub(super) async fn nth(&self, number: usize, command: &Cmd) -> Option<Result<Value>> {
        let server = self.slots.read().servers().get(number).cloned()?;
        if !self.admits.load(Ordering::Acquire) || !is_usable(&server) {
            return Some(Err(away()));
        }
        Some(server.link.one(Lane::Write, command).await.map_err(in_part))
    }

    /// The same question to all servers at once, each within this time; what became of each.
    pub(super) async fn every(&self, command: &Cmd, limit: Duration) -> Vec<Result<Value>> {
        let servers = self.slots.read().servers().to_vec();
        let admits = self.admits.load(Ordering::Acquire);
        let asked = servers.into_iter().map(|server| {
            Box::pin(async move {
                if !admits || !is_usable(&server) {
                    return Err(away());
                }
                let answer = tokio::time::timeout(limit, server.link.one(Lane::Write, command)).await;
                answer.unwrap_or_else(|_| Err(away())).map_err(in_part)
            })
        });
        join(asked.collect()).await
    }

    fn reach(&self, slot: u16) -> Result<Arc<Server>> {
        if !self.admits.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Open, "Redis is not used now: its log is not known"));
        }
        self.slots.read().owner(slot).filter(|server| is_usable(server)).cloned().ok_or_else(away)
    }

    /// Who has the slot instead, if that is what the error says.
    fn next(&self, slot: u16, error: &Error) -> Option<Arc<Server>> {
        let place = error.context(PLACE)?;
        let mut slots = self.slots.write();
        if error.context("code") == Some(MOVED) {
            slots.moved(slot, place, &self.options)
        } else {
            slots.server(place, &self.options)
        }
    }
}

/// What one server is asked.
struct Share {
    server: Arc<Server>,
    commands: Pipeline,
    /// Of each command, its place among all and its slot.
    places: Vec<(usize, u16)>,
}

fn share(shares: &mut Vec<Share>, server: Arc<Server>, place: (usize, u16), command: Cmd) {
    let known = shares.iter_mut().find(|share| Arc::ptr_eq(&share.server, &server));
    match known {
        Some(share) => {
            share.commands.add_command(command);
            share.places.push(place);
        }
        None => {
            let mut commands = Pipeline::new();
            commands.add_command(command);
            shares.push(Share { server, commands, places: vec![place] });
        }
    }
}

fn is_usable(server: &Server) -> bool {
    server.link.is_open() && server.link.late() < LATE
}

fn away() -> Error {
    Error::new(ErrorKind::Partial, "the server of the cluster that has this key is away")
}

/// A server that is in trouble is a part of the tier that is away.
fn in_part(error: Error) -> Error {
    let passing = matches!(error.context("code"), Some("CLUSTERDOWN" | "TRYAGAIN" | "LOADING" | "OOM" | MOVED | ASK));
    if passing || breaks(&error) || matches!(error.kind(), ErrorKind::Open | ErrorKind::Deadline) {
        return away().because(error);
    }
    error
}
