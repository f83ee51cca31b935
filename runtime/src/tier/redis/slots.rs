//! Which server of a cluster has which slot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redis::Value;

use super::link::Link;
use super::names::SLOTS;
use super::options::RedisOptions;

/// Nobody.
const NONE: u16 = u16::MAX;
/// More servers than a cluster may have.
const MOST: usize = 1_024;

/// A server of a cluster.
pub(super) struct Server {
    /// Host and port.
    pub(super) place: String,
    pub(super) link: Link,
    /// Which start of it was met last.
    run: Mutex<Option<String>>,
    mending: AtomicBool,
    /// Was it away when it was last looked after?
    away: AtomicBool,
}

impl Server {
    fn new(place: String, options: &RedisOptions) -> Self {
        let (link, run) = (Link::new(options.clone()), Mutex::new(None));
        Self { place, link, run, mending: AtomicBool::new(false), away: AtomicBool::new(false) }
    }

    /// Is this another start than the one that was met before? One that had no slots for a while counts as another.
    pub(super) fn is_another(&self, run: Option<String>) -> bool {
        let mut met = self.run.lock();
        let another = run.is_none() || *met != run;
        *met = run;
        another
    }

    pub(super) fn was_met(&self) -> bool {
        self.run.lock().is_some()
    }

    /// Takes note of whether it is away. Is that a change? One that is there from the beginning is none.
    pub(super) fn is_news(&self, away: bool) -> bool {
        self.away.swap(away, Ordering::AcqRel) != away
    }

    /// Leave to look after its connections; one at a time.
    pub(super) fn mend(self: &Arc<Self>) -> Option<Mending> {
        (!self.mending.swap(true, Ordering::AcqRel)).then(|| Mending(Arc::clone(self)))
    }

    pub(super) fn is_mended_now(&self) -> bool {
        self.mending.load(Ordering::Acquire)
    }
}

/// Someone looks after the connections of this server.
pub(super) struct Mending(pub(super) Arc<Server>);

impl Drop for Mending {
    fn drop(&mut self) {
        self.0.mending.store(false, Ordering::Release);
    }
}

/// The servers of a cluster, and the owner of each slot.
pub(super) struct Slots {
    owners: Vec<u16>,
    servers: Vec<Arc<Server>>,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self { owners: vec![NONE; usize::from(SLOTS)], servers: Vec::new() }
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Arc<Server>> {
        let owner = *self.owners.get(usize::from(slot))?;
        self.servers.get(usize::from(owner))
    }

    pub(super) fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// The server at this place, known from now on.
    pub(super) fn server(&mut self, place: &str, options: &RedisOptions) -> Option<Arc<Server>> {
        self.number(place, options).and_then(|number| self.servers.get(usize::from(number)).cloned())
    }

    /// A server has said that this slot has another owner.
    pub(super) fn moved(&mut self, slot: u16, place: &str, options: &RedisOptions) -> Option<Arc<Server>> {
        let number = self.number(place, options)?;
        *self.owners.get_mut(usize::from(slot))? = number;
        self.servers.get(usize::from(number)).cloned()
    }

    /// Takes over what a server says of all slots. Servers that have none any more are let go of.
    pub(super) fn take(&mut self, ranges: &[Range], options: &RedisOptions) {
        let mut slots = Self::new();
        for range in ranges {
            let known = self.servers.iter().find(|server| server.place == range.place);
            if let Some(known) = known.filter(|_| !slots.servers.iter().any(|server| server.place == range.place)) {
                slots.servers.push(Arc::clone(known));
            }
            let Some(number) = slots.number(&range.place, options) else { continue };
            if let Some(owned) = slots.owners.get_mut(usize::from(range.first)..=usize::from(range.last)) {
                owned.fill(number);
            }
        }
        *self = slots;
    }

    fn number(&mut self, place: &str, options: &RedisOptions) -> Option<u16> {
        let known = self.servers.iter().position(|server| server.place == place);
        if known.is_none() && self.servers.len() < MOST {
            self.servers.push(Arc::new(Server::new(place.to_owned(), options)));
        }
        known.or_else(|| self.servers.len().checked_sub(1)).and_then(|number| u16::try_from(number).ok())
    }
}

/// Slots of one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    first: u16,
    last: u16,
    place: String,
}

/// Reads the answer to `CLUSTER SLOTS`: `[[first, last, [host, port, ..], replicas..], ..]`. A server that does not know
/// its own name leaves the host empty: then it is the one that was asked.
pub(super) fn read_slots(answer: &Value, asked: &str) -> Option<Vec<Range>> {
    let Value::Array(entries) = answer else { return None };
    let own = asked.rsplit_once(':').map_or(asked, |(host, _)| host);
    entries.iter().map(|entry| read_range(entry, own)).collect()
}

fn read_range(entry: &Value, own: &str) -> Option<Range> {
    let Value::Array(parts) = entry else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(owner), ..] = parts.as_slice() else { return None };
    let [host, Value::Int(port), ..] = owner.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        Value::Nil => "",
        _ => return None,
    };
    let host = if host.is_empty() || host == "?" { own } else { host };
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    let port = u16::try_from(*port).ok()?;
    (first <= last && last < SLOTS).then(|| Range { first, last, place: format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry(first: i64, last: i64, host: Value, port: i64) -> Value {
        Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(vec![host, Value::Int(port), text("id")])])
    }

    fn options() -> RedisOptions {
        RedisOptions::new("redis+cluster://localhost:1").expect("an address")
    }

    fn place(slots: &Slots, slot: u16) -> Option<&str> {
        slots.owner(slot).map(|server| server.place.as_str())
    }

    #[test]
    fn slots_have_the_owners_that_the_server_says() {
        let answer = Value::Array(vec![entry(0, 99, text("10.0.0.1"), 7_000), entry(100, 16_383, Value::Nil, 7_001)]);
        let ranges = read_slots(&answer, "10.0.0.9:7009").expect("an answer");
        let mut slots = Slots::new();
        assert_eq!(place(&slots, 0), None);
        slots.take(&ranges, &options());
        assert_eq!((place(&slots, 99), place(&slots, 100)), (Some("10.0.0.1:7000"), Some("10.0.0.9:7001")));
        slots.moved(7, "10.0.0.3:7000", &options());
        assert_eq!((place(&slots, 7), place(&slots, 8)), (Some("10.0.0.3:7000"), Some("10.0.0.1:7000")));
        let before = Arc::clone(slots.owner(8).expect("an owner"));
        slots.take(&ranges, &options());
        assert!(Arc::ptr_eq(&before, slots.owner(7).expect("an owner")), "connections were thrown away");
        assert_eq!(slots.servers().len(), 2);
    }

    #[test]
    fn a_server_that_goes_away_or_comes_back_is_news_once() {
        let server = Server::new("localhost:1".to_owned(), &options());
        let told: Vec<bool> = [false, true, true, false, false].map(|away| server.is_news(away)).to_vec();
        assert_eq!(told, [false, true, false, true, false]);
        let never_there = Server::new("localhost:1".to_owned(), &options());
        assert_eq!([never_there.is_news(true), never_there.is_news(true)], [true, false]);
    }

    #[test]
    fn strange_answers_are_refused() {
        let strange = [
            Value::Nil,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![entry(5, 4, text("a"), 1)]),
            Value::Array(vec![entry(0, 16_384, text("a"), 1)]),
            Value::Array(vec![entry(-1, 5, text("a"), 1)]),
            Value::Array(vec![entry(0, 5, text("a"), 65_536)]),
            Value::Array(vec![entry(0, 5, Value::Int(5), 1)]),
        ];
        for answer in strange {
            assert_eq!(read_slots(&answer, "a:1"), None, "{answer:?}");
        }
    }
}
