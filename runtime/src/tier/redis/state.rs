//! What the server says of itself: one `INFO`, asked for by who looks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::Value;

use super::Room;
use super::link::{Lane, field, text_of};
use crate::error::Result;
use crate::tier::TierState;
use crate::tier::state::worded;

/// How long one server of a cluster may take.
const TELL: Duration = Duration::from_millis(250);

/// What the user of this connection turned out to be allowed, or not, beside what is needed.
#[derive(Debug, Default)]
pub(super) struct Rights {
    /// `INFO` was refused: it is not asked for again before the next connection.
    pub(super) no_info: AtomicBool,
    /// So was `TIME`.
    pub(super) no_time: AtomicBool,
    /// `TIME` was answered.
    pub(super) time: AtomicBool,
}

impl Rights {
    /// A new connection may have other rights.
    pub(super) fn forget(&self) {
        for known in [&self.no_info, &self.no_time, &self.time] {
            known.store(false, Ordering::Release);
        }
    }
}

impl Room {
    pub(super) async fn state(&self) -> Result<TierState> {
        if self.rights.no_info.load(Ordering::Acquire) {
            return Ok(TierState { servers: 1, ..TierState::default() });
        }
        let info = redis::cmd("INFO");
        let answers = match &self.cluster {
            None => vec![self.link.one(Lane::Write, &info).await],
            Some(cluster) => cluster.every(&info, TELL).await,
        };
        let refused =
            |answer: &Result<Value>| answer.as_ref().is_err_and(|error| error.context("code") == Some("NOPERM"));
        if answers.iter().any(refused) {
            self.rights.no_info.store(true, Ordering::Release);
        }
        let servers = answers.len() as u64;
        let mut all = TierState { servers, ..TierState::default() };
        let mut failed = None;
        for answer in answers {
            match answer {
                Ok(answer) => add(&mut all, read(&text_of(&answer))),
                Err(error) if error.context("code") == Some("NOPERM") => {}
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if all.answered == 0 => Err(error),
            _ => Ok(all),
        }
    }
}

/// What one server says.
fn read(info: &str) -> TierState {
    let number = |name: &str| field(info, name)?.parse::<u64>().ok();
    let word = |name: &str| field(info, name).and_then(worded);
    let (used, most) = (number("used_memory"), number("maxmemory").filter(|most| *most > 0));
    let valkey = word("valkey_version").map(|version| format!("Valkey {version}"));
    TierState {
        servers: 1,
        answered: 1,
        version: valkey.or_else(|| word("redis_version")),
        role: word("role"),
        uptime_seconds: number("uptime_in_seconds"),
        used_bytes: used,
        max_bytes: most,
        fullest: used.zip(most).map(|(used, most)| used as f64 / most as f64),
        policy: word("maxmemory_policy"),
        evicted: number("evicted_keys"),
        clients: number("connected_clients"),
        hits: number("keyspace_hits"),
        misses: number("keyspace_misses"),
    }
}

/// One server more.
fn add(all: &mut TierState, one: TierState) {
    let first = all.answered == 0;
    let sum = |all: &mut Option<u64>, one: Option<u64>| {
        *all = if first { one } else { all.zip(one).and_then(|(all, one)| all.checked_add(one)) };
    };
    let words = |all: &mut Option<String>, one: Option<String>| {
        *all = match (all.take(), one) {
            (Some(all), Some(one)) if !all.split(", ").any(|known| known == one) => {
                worded(&format!("{all}, {one}")).or(Some(all))
            }
            (all, one) => all.or(one),
        };
    };
    all.answered += 1;
    words(&mut all.version, one.version);
    words(&mut all.role, one.role);
    words(&mut all.policy, one.policy);
    all.uptime_seconds = if first { one.uptime_seconds } else { all.uptime_seconds.min(one.uptime_seconds) };
    sum(&mut all.used_bytes, one.used_bytes);
    sum(&mut all.max_bytes, one.max_bytes);
    all.fullest = all.fullest.into_iter().chain(one.fullest).reduce(f64::max);
    sum(&mut all.evicted, one.evicted);
    sum(&mut all.clients, one.clients);
    sum(&mut all.hits, one.hits);
    sum(&mut all.misses, one.misses);
}

/// Is anything made of this answer?
#[cfg(feature = "testing")]
pub(super) fn understood(answer: &Value) -> usize {
    let mut all = read(&text_of(answer));
    add(&mut all, read(&text_of(answer)));
    usize::from(all.used_bytes.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "# Server\r\nredis_version:7.2.4\r\nuptime_in_seconds:90\r\n# Memory\r\nused_memory:900\r\n\
                       used_memory_human:900B\r\nmaxmemory:1000\r\nmaxmemory_policy:noeviction\r\nevicted_keys:3\r\n\
                       connected_clients:5\r\nkeyspace_hits:10\r\nkeyspace_misses:4\r\nrole:master\r\n";

    #[test]
    fn what_a_server_says_is_read() {
        let state = read(ONE);
        let expected = TierState {
            servers: 1,
            answered: 1,
            version: Some("7.2.4".to_owned()),
            role: Some("master".to_owned()),
            uptime_seconds: Some(90),
            used_bytes: Some(900),
            max_bytes: Some(1_000),
            fullest: Some(0.9),
            policy: Some("noeviction".to_owned()),
            evicted: Some(3),
            clients: Some(5),
            hits: Some(10),
            misses: Some(4),
        };
        assert_eq!(state, expected);
        let valkey = read("redis_version:7.2.4\r\nvalkey_version:8.0.1\r\n");
        assert_eq!(valkey.version.as_deref(), Some("Valkey 8.0.1"));
    }

    #[test]
    fn servers_of_a_cluster_are_summed_and_the_fullest_is_not_hidden_by_the_others() {
        let mut all = TierState::default();
        add(&mut all, read(ONE));
        add(
            &mut all,
            read(
                &ONE.replace("used_memory:900", "used_memory:100")
                    .replace("uptime_in_seconds:90", "uptime_in_seconds:7"),
            ),
        );
        add(&mut all, read(&ONE.replace("7.2.4", "7.4.0").replace("noeviction", "allkeys-lru")));
        assert_eq!((all.answered, all.used_bytes, all.max_bytes, all.clients), (3, Some(1_900), Some(3_000), Some(15)));
        assert_eq!((all.fullest, all.uptime_seconds, all.evicted), (Some(0.9), Some(7), Some(9)));
        assert_eq!(
            (all.version.as_deref(), all.policy.as_deref()),
            (Some("7.2.4, 7.4.0"), Some("noeviction, allkeys-lru"))
        );
        // One without a bound: there is none for all.
        add(&mut all, read(&ONE.replace("maxmemory:1000", "maxmemory:0")));
        assert_eq!((all.max_bytes, all.fullest), (None, Some(0.9)));
    }

    #[test]
    fn what_is_no_figure_is_not_shown() {
        for strange in [
            "",
            "used_memory",
            "used_memory:-1\r\nmaxmemory:1e9\r\nredis_version:\u{1b}[31m",
            "role:\r\nevicted_keys:99999999999999999999",
        ] {
            let expected = TierState { servers: 1, answered: 1, ..TierState::default() };
            assert_eq!(read(strange), expected, "{strange:?}");
        }
        assert_eq!(read(&format!("redis_version:{}", "9".repeat(100))).version, None);
        let mut many = TierState::default();
        for version in 0..1_000 {
            add(&mut many, read(&format!("redis_version:7.{version}")));
        }
        assert!(many.version.is_some_and(|version| version.len() <= 64), "however many differ");
    }
}
