//! The settings of the Redis tier.

use std::fmt;
use std::time::Duration;

use super::target::Target;
use super::tls::Tls;
use crate::clock::millis;
use crate::error::{Error, Result};
use crate::facts::OfRedis;

/// What keys begin with if nothing is said.
const PREFIX: &str = "cached";
/// Longest prefix of keys, in bytes.
const LONGEST: usize = 64;

/// Where Redis is, and how it is used.
///
/// A user of its own needs these rights, with the prefix that is set:
///
/// ```text
/// ACL SETUSER app on >password resetkeys ~cached:* resetchannels -@all +ping +info +client|id +client|kill
///   +script|load +evalsha +getrange +unlink +scan +xread +hgetall +zrangebyscore +type +exists +get +set +pttl
///   +pexpire +hget +hset +hsetnx +hincrby +xadd +xrange +xrevrange +zadd +zcard +zpopmin +time
/// ```
///
/// In a cluster it needs `+cluster|slots +asking` besides, and cannot do without `info` and `client|id`. Valkey, and Redis
/// from 7.2 on, know `+client|setinfo` as well: without it they note each new connection in their `ACL LOG`, for the
/// driver says its name; nothing else comes of it.
///
/// Without `time` it is not measured how long invalidations take from node to node; the server notes once for each
/// connection in its `ACL LOG` that it was asked for.
///
/// Without `info` it is not seen at the start that a server is a replica, or may evict the log; without it, `client|id` or
/// `client|kill` a command may take effect after the connection that carried it was given up.
#[derive(Clone)]
pub struct RedisOptions {
    pub(super) target: Target,
    pub(super) tls: Tls,
    pub(super) prefix: String,
    pub(super) connections: usize,
    pub(super) max_frame: usize,
    pub(super) remembered: u64,
    pub(super) log_length: u64,
    pub(super) fence: Duration,
    pub(super) connect: Duration,
}

impl RedisOptions {
    /// Redis, or Valkey, at this address.
    ///
    /// - `redis://[user:password@]host[:port][/database]`: one server;
    /// - `rediss://..`: the same over TLS (feature `redis-tls`);
    /// - `redis+unix:///path/of/socket`: the same over a unix socket;
    /// - `redis+sentinel://[user:password@]host:port,host:port/name[/database]`: the primary of this name, as its
    ///   sentinels tell it, over TLS `rediss+sentinel://`;
    /// - `redis+cluster://[user:password@]host:port,host:port`: the cluster of which these are servers, over TLS
    ///   `rediss+cluster://`. A server that is away takes with it the keys it has, and no others; the log is on one of
    ///   them. When that one is started anew or taken over from, all that the cluster holds is as if not stored.
    ///
    /// # Errors
    /// A `Config` error if it is none of these. The address is not repeated in it: it may hold a password.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            target: Target::parse(url)?,
            tls: Tls::default(),
            prefix: PREFIX.to_owned(),
            connections: 1,
            max_frame: 2 << 20,
            remembered: 65_536,
            log_length: 16_384,
            fence: Duration::from_secs(60),
            connect: Duration::from_secs(1),
        })
    }

    /// What the adviser is to know of it.
    pub(crate) fn facts(&self) -> OfRedis {
        OfRedis {
            usual_prefix: self.prefix == PREFIX,
            readable: self.target.is_readable(),
            max_frame: self.max_frame,
            fence: millis(self.fence),
        }
    }

    /// What all keys begin with; nodes with one prefix share one cache. Default: `cached`.
    ///
    /// # Errors
    /// A `Config` error unless it is 1 to 64 of letters, digits and `-_.:`.
    pub fn prefix(mut self, prefix: &str) -> Result<Self> {
        let plain = prefix.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        if !plain || !(1..=LONGEST).contains(&prefix.len()) {
            return Err(Error::config("prefix", "a prefix is 1 to 64 of letters, digits and -_.:"));
        }
        prefix.clone_into(&mut self.prefix);
        Ok(self)
    }

    /// Who signs the certificates of servers over TLS, in PEM: these alone are trusted. Default: who the system and the
    /// browsers trust.
    ///
    /// # Errors
    /// A `Config` error if it is no PEM of certificates.
    #[cfg(feature = "redis-tls")]
    pub fn trusted_certificates(mut self, pem: impl Into<Vec<u8>>) -> Result<Self> {
        self.tls.trust(pem.into())?;
        Ok(self)
    }

    /// The certificate, and its key, that servers are shown which ask for one; both in PEM. Default: none.
    ///
    /// # Errors
    /// A `Config` error if they are no PEM, or do not belong together.
    #[cfg(feature = "redis-tls")]
    pub fn client_certificate(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Result<Self> {
        self.tls.show(certificate.into(), key.into())?;
        Ok(self)
    }

    /// How many connections reads are spread over once more than 64 wait on one. Default: 1.
    ///
    /// One multiplexed connection carries thousands of reads at once, and answers a few of them sooner than several
    /// do; see the bench `redis` before you raise it.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, 64);
        self
    }

    /// The largest frame that is read or written, in bytes; a larger one is a miss and is removed. Default: 2 MiB.
    #[must_use]
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    /// How many groups the shared log remembers one by one; older ones become coarser. Default: 65,536.
    #[must_use]
    pub fn remembered_groups(mut self, groups: u64) -> Self {
        self.remembered = groups.max(1);
        self
    }

    /// How many entries the shared log keeps. A node that was away for longer drops what it holds. Default: 16,384.
    #[must_use]
    pub fn log_length(mut self, entries: u64) -> Self {
        self.log_length = entries.max(16);
        self
    }

    /// How long a removed key stays closed to loads that began before; those that take more than half of it are not
    /// stored if anything was invalidated meanwhile. Default: 60 s.
    #[must_use]
    pub fn fence(mut self, fence: Duration) -> Self {
        self.fence = fence.max(Duration::from_secs(1));
        self
    }

    /// How long connecting may take. Default: 1 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect = timeout;
        self
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, tls: _, prefix, connections, max_frame, remembered, log_length, fence, connect } = self;
        f.debug_struct("RedisOptions")
            .field("target", target)
            .field("prefix", prefix)
            .field("connections", connections)
            .field("max_frame", max_frame)
            .field("remembered", remembered)
            .field("log_length", log_length)
            .field("fence", fence)
            .field("connect", connect)
            .finish()
    }
}
