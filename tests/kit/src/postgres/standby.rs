//! A server that repeats what another does, some time later.

use std::sync::Mutex;
use std::time::Duration;

use super::{Postgres, binary};
use crate::account::{Account, free_port};

impl Postgres {
    /// Starts a replica of this server that answers reads, and applies each commit so long after it was made.
    ///
    /// # Panics
    /// If PostgreSQL cannot be copied, or the copy does not start.
    #[must_use]
    pub fn standby(&self, delay: Duration) -> Self {
        let late = format!("recovery_min_apply_delay={}ms", delay.as_millis());
        let server = Self {
            account: Account::named("postgres"),
            port: free_port(),
            child: Mutex::default(),
            settings: vec![late],
        };
        let (room, port, data) = (self.account.path().display().to_string(), self.port.to_string(), server.data());
        let from = ["-h", &room, "-p", &port, "-U", "cached"];
        let to = ["-D", &data, "-X", "stream", "-R", "-c", "fast"];
        server.account.run(&binary("pg_basebackup"), &[&from[..], &to[..]].concat(), "data");
        server.restart();
        server
    }
}
