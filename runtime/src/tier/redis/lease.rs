//! Leases in Redis: `SET NX PX` with a token, renewed and given back by scripts that compare the token.
//!
//! Redis's own pattern for a lock on one server (redis.io, "Distributed locks"). It orders loads, and nothing is wrong
//! where it fails: then two nodes load, as they do without it.

use std::time::Duration;

use redis::Value;

use super::Redis;
use super::link::Lane;
use crate::key::Key;
use crate::tier::Reply;
use crate::tier::shared::{LIFE, Leases};

impl Leases for Redis {
    fn token(&self) -> u64 {
        self.0.chance.next()
    }

    fn take<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, bool> {
        Box::pin(async move {
            let room = &*self.0;
            let name = room.names.lease(key);
            let mut take = redis::cmd("SET");
            take.arg(&name).arg(token).arg("NX").arg("PX").arg(LIFE.as_millis() as u64);
            let taken = matches!(room.one(Lane::Read, &name, &take).await?, Value::Okay);
            if taken {
                room.held.remember(key, token);
            }
            Ok(taken)
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
            room.held.forget_token(key, token);
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
