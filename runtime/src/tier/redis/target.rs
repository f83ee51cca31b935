//! Where Redis is: one server, the primary that sentinels name, or a cluster.

use std::fmt;

use redis::sentinel::{Sentinel, SentinelNodeConnectionInfo};
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

use super::failure::failure;
use super::tls::Tls;
use crate::error::{Error, ErrorKind, Result};

const SENTINEL: &str = "redis+sentinel://";
const SENTINEL_TLS: &str = "rediss+sentinel://";
const CLUSTER: &str = "redis+cluster://";
const CLUSTER_TLS: &str = "rediss+cluster://";

/// Where Redis is. Shows neither user nor password.
#[derive(Clone)]
pub(super) enum Target {
    One(Client),
    Sentinels { nodes: Seeds, name: String },
    Cluster(Seeds),
}

/// Some servers, which know others, and how to greet all of them.
#[derive(Clone)]
pub(super) struct Seeds {
    pub(super) places: Vec<String>,
    tls: bool,
    info: Box<RedisConnectionInfo>,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self> {
        if url.starts_with("rediss") && !cfg!(feature = "redis-tls") {
            return Err(Error::config("redis", "`rediss://` needs the feature `redis-tls`"));
        }
        if let Some(rest) = url.strip_prefix(SENTINEL) {
            return sentinels(rest, false);
        }
        if let Some(rest) = url.strip_prefix(SENTINEL_TLS) {
            return sentinels(rest, true);
        }
        if let Some(rest) = url.strip_prefix(CLUSTER) {
            return seeds(rest, false);
        }
        if let Some(rest) = url.strip_prefix(CLUSTER_TLS) {
            return seeds(rest, true);
        }
        // The driver's own error may repeat parts of the address.
        let known = ["redis://", "rediss://", "redis+unix://", "unix://"];
        let client = known.iter().any(|scheme| url.starts_with(scheme)).then(|| Client::open(url));
        match client {
            Some(Ok(client)) => Ok(Self::One(client)),
            _ => Err(wrong()),
        }
    }

    /// A client of the server that takes writes now; of a cluster, of the first that was named.
    pub(super) async fn client(&self, tls: &Tls) -> Result<Client> {
        match self {
            Self::One(client) => tls.client(client.get_connection_info().clone()),
            Self::Cluster(seeds) => seeds.client(&seeds.places[0], tls),
            Self::Sentinels { nodes, name } => {
                let sentinels: Vec<ConnectionInfo> =
                    nodes.places.iter().map(|place| nodes.sentinel(place, tls)).collect::<Result<_>>()?;
                let mut sentinels = Sentinel::build(sentinels).map_err(|e| failure(&e))?;
                let node = SentinelNodeConnectionInfo::default();
                let primary = sentinels.async_master_for(name, Some(&node)).await.map_err(|e| failure(&e))?;
                nodes.client(&primary.get_connection_info().addr().to_string(), tls)
            }
        }
    }
}

/// `[user:password@]host:port,host:port/name[/database]`
fn sentinels(rest: &str, tls: bool) -> Result<Target> {
    let (user, rest) = split_user(rest);
    let (hosts, path) = rest.split_once('/').ok_or_else(wrong)?;
    let (name, database) = path.split_once('/').map_or((path, None), |(name, db)| (name, Some(db)));
    if name.is_empty() {
        return Err(wrong());
    }
    let info = greeting(user, database.unwrap_or("0"))?;
    Ok(Target::Sentinels { nodes: Seeds { places: hosts_of(hosts)?, tls, info }, name: name.to_owned() })
}

/// `[user:password@]host:port,host:port`
fn seeds(rest: &str, tls: bool) -> Result<Target> {
    let (user, hosts) = split_user(rest);
    let places = hosts_of(hosts.strip_suffix('/').unwrap_or(hosts))?;
    if places.iter().any(|place| split_place(place).is_none()) {
        return Err(wrong());
    }
    Ok(Target::Cluster(Seeds { places, tls, info: greeting(user, "0")? }))
}

fn split_user(rest: &str) -> (Option<&str>, &str) {
    rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest))
}

fn hosts_of(hosts: &str) -> Result<Vec<String>> {
    let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
    if hosts.iter().any(String::is_empty) { Err(wrong()) } else { Ok(hosts) }
}

/// The driver reads user, password and database, escapes and all.
fn greeting(user: Option<&str>, database: &str) -> Result<Box<RedisConnectionInfo>> {
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let info = format!("redis://{user}localhost/{database}").into_connection_info().map_err(|_| wrong())?;
    Ok(Box::new(info.redis_settings().clone()))
}

/// Host and port; an IPv6 address with brackets, or without, as servers write it.
fn split_place(place: &str) -> Option<(&str, u16)> {
    let (host, port) = place.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() { None } else { Some((host, port.parse().ok()?)) }
}

impl Seeds {
    /// A client of the server at this place.
    pub(super) fn client(&self, place: &str, tls: &Tls) -> Result<Client> {
        tls.client(self.address(place)?.set_redis_settings((*self.info).clone()))
    }

    /// A sentinel has no user, password or database of the server's.
    fn sentinel(&self, place: &str, tls: &Tls) -> Result<ConnectionInfo> {
        let place = if split_place(place).is_some() { place.to_owned() } else { format!("{place}:26379") };
        Ok(tls.client(self.address(&place)?)?.get_connection_info().clone())
    }

    fn address(&self, place: &str) -> Result<ConnectionInfo> {
        let (host, port) = split_place(place).ok_or_else(|| unfit("a server has no address"))?;
        let host = host.to_owned();
        let address = if self.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        address.into_connection_info().map_err(|e| failure(&e))
    }
}

/// Is it this machine?
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn wrong() -> Error {
    let text = "is no address of Redis: `redis://[user:password@]host[:port][/database]`, `rediss://..`, \
                `redis+unix:///path`, `redis+sentinel://host:port,host:port/name`, or \
                `redis+cluster://host:port,host:port`";
    Error::config("redis", text)
}

impl Target {
    /// Does what is said to it go over a network, without TLS?
    pub(super) fn is_readable(&self) -> bool {
        match self {
            Self::One(client) => match client.get_connection_info().addr() {
                ConnectionAddr::Tcp(host, _) => !is_here(host),
                _ => false,
            },
            Self::Sentinels { nodes: seeds, .. } | Self::Cluster(seeds) => {
                let host = |place: &String| split_place(place).map_or(place.clone(), |(host, _)| host.to_owned());
                !seeds.tls && !seeds.places.iter().all(|place| is_here(&host(place)))
            }
        }
    }

    /// Hosts and ports, for messages.
    fn place(&self) -> String {
        match self {
            Self::One(client) => client.get_connection_info().addr().to_string(),
            Self::Sentinels { nodes, name } => format!("{name} of {}", nodes.places.join(",")),
            Self::Cluster(seeds) => format!("the cluster of {}", seeds.places.join(",")),
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
