//! A PostgreSQL server of a test's own, on a free port, in a directory that goes with it.

mod standby;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::account::{Account, free_port, printed, program};
use crate::process::{freeze, signal_children, thaw};

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    account: Account,
    port: u16,
    child: Mutex<Option<Child>>,
    /// What it is told beyond what all are.
    settings: Vec<String>,
}

impl Postgres {
    /// The password of the user that [`Postgres::url`] names: a text that must not turn up anywhere else.
    pub const PASSWORD: &str = "canary-p0stgr3s";

    /// Makes a database and starts a server over it. What it has promised survives
    /// [`Postgres::kill`], but no loss of power, which makes it quick.
    ///
    /// # Panics
    /// If PostgreSQL is missing (`tests/run.sh` installs it) or does not start.
    #[must_use]
    pub fn start() -> Self {
        let server = Self {
            account: Account::named("postgres"),
            port: free_port(),
            child: Mutex::default(),
            settings: Vec::new(),
        };
        let secret = server.account.path().join("secret");
        fs::write(&secret, Self::PASSWORD).expect("a file for the password");
        let (data, secret) = (server.data(), secret.display().to_string());
        let secret = format!("--pwfile={secret}");
        let auth = ["--auth-local=trust", "--auth-host=scram-sha-256"];
        let args = [&["-D", &data, "-U", "cached", "-E", "UTF8", "--locale=C", "-N", &secret], &auth[..]].concat();
        server.account.run(&binary("initdb"), &args, "data");
        server.restart();
        server.command("CREATE DATABASE cached");
        server
    }

    /// `postgres://user:password@host:port/database`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("cached", Self::PASSWORD)
    }

    /// The URL of another user.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/cached", self.port)
    }

    /// Stops the server where it is, as `kill -STOP` does, with all its processes: it keeps its connections and answers
    /// nothing.
    ///
    /// # Panics
    /// If it does not run.
    pub fn freeze(&self) {
        let child = self.child();
        let child = child.as_ref().expect("a running server");
        // The first of them first: it makes no others then.
        freeze(child);
        signal_children(child, "STOP");
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// If it does not run.
    pub fn thaw(&self) {
        go_on(self.child().as_ref().expect("a running server"));
    }

    /// Ends the server as `kill -9` does, if it runs.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            go_on(&child);
            child.kill().expect("the server can be killed");
            child.wait().expect("the server ends");
        }
    }

    /// Makes a user without any rights, in the place of one of that name.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn add_user(&self, user: &str, password: &str) {
        self.command(&format!("DROP ROLE IF EXISTS {user}; CREATE ROLE {user} LOGIN PASSWORD '{password}'"));
    }

    /// Starts the server again, on the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        self.kill();
        let room = self.account.path().display().to_string();
        let mut args = vec!["-D".to_owned(), self.data(), "-p".to_owned(), self.port.to_string()];
        let settings = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
            "shared_buffers=32MB",
            "max_connections=60",
        ];
        let own = self.settings.iter().cloned().chain([format!("unix_socket_directories={room}")]);
        for setting in settings.iter().map(|s| (*s).to_owned()).chain(own) {
            args.extend(["-c".to_owned(), setting]);
        }
        let answers = || printed(&mut self.client("postgres", "SELECT 1")).is_ok();
        *self.child() = Some(self.account.start_and_wait(&binary("postgres"), &args, answers));
    }

    /// Runs SQL as the owner of all; what it answers, a line for each row.
    ///
    /// # Panics
    /// If the SQL fails.
    #[allow(clippy::must_use_candidate, reason = "most are run for their effect")]
    pub fn command(&self, sql: &str) -> String {
        let database = if sql.starts_with("CREATE DATABASE") { "postgres" } else { "cached" };
        printed(&mut self.client(database, sql)).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, database: &str, sql: &str) -> Command {
        let mut client = self.account.command(&binary("psql"));
        let port = self.port.to_string();
        client.arg("-h").arg(self.account.path()).args(["-p", &port, "-U", "cached", "-d", database, "-qAtX"]);
        client.args(["-v", "ON_ERROR_STOP=1", "-c", sql]);
        client
    }

    fn data(&self) -> String {
        self.account.path().join("data").display().to_string()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            go_on(&child);
            // Ends its own processes at once, and leaves nothing of the shared memory behind.
            let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

/// Lets all of a server go on, if it stands still.
fn go_on(child: &Child) {
    signal_children(child, "CONT");
    thaw(child);
}

/// A program of the newest PostgreSQL of the machine.
fn binary(name: &str) -> PathBuf {
    let versions = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];
    let mut dirs: Vec<PathBuf> = versions
        .iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flat_map(|dir| dir.flatten().map(|entry| entry.path().join("bin")))
        .filter(|bin| bin.join("postgres").is_file())
        .collect();
    dirs.sort();
    dirs.reverse();
    program(name, &dirs)
}
