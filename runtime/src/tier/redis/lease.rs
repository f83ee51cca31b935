//! Leases in Redis: `SET NX PX` with a token, renewed and given back by scripts that compare the token.
//!
//! Redis's own pattern for a lock on one server (redis.io, "Distributed locks"). It orders loads, and nothing is wrong
//! where it fails: then two nodes load, as they do without it.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use redis::Value;

use super::Redis;
use super::link::Lane;
use crate::key::Key;
use crate::tier::Reply;
use crate::tier::shared::Leases;

/// How long a lease lasts without being renewed.
const LIFE: Duration = Duration::from_secs(2);
/// More leases than these are not remembered: what is loaded under the others is stored as if without.
const MOST: usize = 65_536;

/// The leases that this node holds, or held when what it loaded was handed over to be stored.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<Key, u64>>);

impl Held {
    pub(super) fn token(&self, key: &Key) -> Option<u64> {
        let held = self.0.lock();
        if held.is_empty() { None } else { held.get(key).copied() }
    }

    pub(super) fn forget(&self, key: &Key) {
        let mut held = self.0.lock();
        if !held.is_empty() {
            held.remove(key);
        }
    }

    fn remember(&self, key: &Key, token: u64) {
        let mut held = self.0.lock();
        if held.len() < MOST {
            held.insert(key.clone(), token);
        }
    }
}

impl Leases for Redis {
    fn take<'a>(&'a self, key: &'a Key) -> Reply<'a, Option<u64>> {
        Box::pin(async move {
            let room = &*self.0;
            let token = room.chance.next();
            let name = room.names.lease(key);
            let mut take = redis::cmd("SET");
            take.arg(&name).arg(token).arg("NX").arg("PX").arg(LIFE.as_millis() as u64);
            let taken = matches!(room.one(Lane::Read, &name, &take).await?, Value::Okay);
            if taken {
                room.held.remember(key, token);
            }
            Ok(taken.then_some(token))
        })
    }

    fn renew<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, bool> {
        Box::pin(async move {
            let room = &*self.0;
            let name = room.names.lease(key);
            let mut renew = room.call(&room.scripts.renew_lease, 1);
            renew.arg(&name).arg(token).arg(LIFE.as_millis() as u64);
            Ok(matches!(room.one(Lane::Read, &name, &renew).await?, Value::Int(1)))
        })
    }

    fn give_back<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, ()> {
        Box::pin(async move {
            let room = &*self.0;
            room.held.forget(key);
            let name = room.names.lease(key);
            let mut end = room.call(&room.scripts.end_lease, 1);
            end.arg(&name).arg(token);
            room.one(Lane::Read, &name, &end).await.map(drop)
        })
    }

    fn life(&self) -> Duration {
        LIFE
    }
}
