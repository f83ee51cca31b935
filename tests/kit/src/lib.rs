//! What fault tests stand on: real servers on free ports, a proxy that breaks connections, an oracle and a checker; and a
//! real browser.
//!
//! All of it panics with a sentence that tells what is wrong: a fault that could not be made is a test that says
//! nothing. All methods take `&self`, so that a server or a proxy can be broken while other tasks use it.

mod account;
mod browser;
mod chance;
mod checker;
mod clock;
mod cluster;
mod maker;
mod mariadb;
mod oracle;
mod postgres;
mod process;
mod proxy;
mod redis;
mod replica;
mod resp;
mod wait;

pub use browser::{Browser, keys};
pub use chance::Chance;
pub use checker::{Report, Staleness, Violation, check};
pub use clock::now;
pub use cluster::RedisCluster;
pub use mariadb::MariaDb;
pub use oracle::{Event, Log, NoEvent, Source, read_logs};
pub use postgres::Postgres;
pub use proxy::{FrameFaults, Frames, Proxy};
pub use redis::{PROGRAM, RedisServer};
pub use replica::Replicated;
pub use resp::{Connection, Reply};
pub use wait::until;
