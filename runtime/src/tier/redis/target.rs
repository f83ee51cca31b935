//! Where Redis is: one server, or the primary that sentinels name.

use std::fmt;

use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};
use redis::{Client, IntoConnectionInfo, RedisConnectionInfo};

use super::failure::failure;
use crate::error::{Error, ErrorKind, Result};

const SENTINEL: &str = "redis+sentinel://";

/// Where Redis is. Shows neither user nor password.
#[derive(Clone)]
pub(super) enum Target {
    One(Client),
    Sentinels { nodes: Vec<String>, name: String, info: Box<RedisConnectionInfo> },
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self> {
        if let Some(rest) = url.strip_prefix(SENTINEL) {
            return sentinels(rest);
        }
        if url.starts_with("rediss://") && !cfg!(feature = "redis-tls") {
            return Err(Error::config("redis", "`rediss://` needs the feature `redis-tls`"));
        }
        if url.starts_with("redis+cluster://") {
            return Err(Error::config("redis", "a cluster is not supported yet: name one server, or sentinels"));
        }
        // The driver's own error may repeat parts of the address.
        let known = ["redis://", "rediss://", "redis+unix://", "unix://"];
        let client = known.iter().any(|scheme| url.starts_with(scheme)).then(|| Client::open(url));
        match client {
            Some(Ok(client)) => Ok(Self::One(client)),
            _ => Err(wrong()),
        }
    }

    /// A client of the server that takes writes now.
    pub(super) async fn client(&self) -> Result<Client> {
        match self {
            Self::One(client) => Ok(client.clone()),
            Self::Sentinels { nodes, name, info } => {
                let nodes = nodes.iter().map(|node| format!("redis://{node}")).collect();
                let mut sentinels = Sentinel::build(nodes).map_err(|e| failure(&e))?;
                let node = SentinelNodeConnectionInfo::default().set_redis_connection_info((**info).clone());
                sentinels.async_master_for(name, Some(&node)).await.map_err(|e| failure(&e))
            }
        }
    }
}

/// `[user:password@]host:port,host:port/name[/database]`
fn sentinels(rest: &str) -> Result<Target> {
    let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    let (hosts, path) = rest.split_once('/').ok_or_else(wrong)?;
    let (name, database) = path.split_once('/').map_or((path, None), |(name, db)| (name, Some(db)));
    let nodes: Vec<String> = hosts.split(',').map(str::to_owned).collect();
    if name.is_empty() || nodes.iter().any(String::is_empty) {
        return Err(wrong());
    }
    // The driver reads user, password and database, escapes and all.
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let info = format!("redis://{user}localhost/{}", database.unwrap_or("0"));
    let info = info.into_connection_info().map_err(|_| wrong())?;
    Ok(Target::Sentinels { nodes, name: name.to_owned(), info: Box::new(info.redis_settings().clone()) })
}

fn wrong() -> Error {
    let text = "is no address of Redis: `redis://[user:password@]host[:port][/database]`, `rediss://..`, \
                `redis+unix:///path`, or `redis+sentinel://host:port,host:port/name`";
    Error::config("redis", text)
}

impl Target {
    /// Hosts and ports, for messages.
    fn place(&self) -> String {
        match self {
            Self::One(client) => client.get_connection_info().addr().to_string(),
            Self::Sentinels { nodes, name, .. } => format!("{name} of {}", nodes.join(",")),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())
    }
}

/// An error about what was connected to.
pub(super) fn unfit(text: &str) -> Error {
    Error::new(ErrorKind::Tier, text.to_owned())
}
