//! A MariaDB or MySQL server of a test's own, on a free port, in a directory that goes with it.

use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::account::{Account, free_port, printed};
use crate::maker::Maker;
use crate::process::{freeze, thaw};

/// A running server. It ends when this is dropped.
///
/// It is MariaDB, or MySQL where `KIT_MYSQL` names the folder of its programs. MySQL takes passwords over TLS alone.
#[derive(Debug)]
pub struct MariaDb {
    maker: Maker,
    account: Account,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl MariaDb {
    /// The password of the user that [`MariaDb::url`] names: a text that must not turn up anywhere else.
    pub const PASSWORD: &str = "canary-m4r14db";

    /// Makes a database and starts a server over it. What it has promised survives
    /// [`MariaDb::kill`], but no loss of power, which makes it quick.
    ///
    /// # Panics
    /// If MariaDB is missing (`tests/run.sh` installs it) or does not start.
    #[must_use]
    pub fn start() -> Self {
        let (maker, account) = (Maker::of_this_process(), Account::named("mysql"));
        let server = Self { maker, account, port: free_port(), child: Mutex::default() };
        let (program, args) = server.maker.install(&server.at("data"));
        server.account.run(&program, &args.iter().map(String::as_str).collect::<Vec<_>>(), "data");
        server.restart();
        server.command("CREATE DATABASE cached");
        server.add_user("cached", Self::PASSWORD);
        server.command("GRANT ALL ON cached.* TO cached@'127.0.0.1'");
        server
    }

    /// Makes a user without any rights, in the place of one of that name.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn add_user(&self, user: &str, password: &str) {
        let named = format!("{user}@'127.0.0.1'");
        self.command(&format!("DROP USER IF EXISTS {named}; CREATE USER {named} IDENTIFIED BY '{password}'"));
    }

    /// `mysql://user:password@host:port/database`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("cached", Self::PASSWORD)
    }

    /// The URL of another user.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("mysql://{user}:{password}@127.0.0.1:{}/cached", self.port)
    }

    /// Ends the server as `kill -9` does, if it runs.
    pub fn kill(&self) {
        if let Some(mut child) = self.child().take() {
            child.kill().expect("the server can be killed");
            child.wait().expect("the server ends");
        }
    }

    /// Starts the server again, on the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        self.kill();
        let args = [
            "--no-defaults".to_owned(),
            format!("--datadir={}", self.at("data")),
            format!("--socket={}", self.at("socket")),
            format!("--pid-file={}", self.at("pid")),
            format!("--port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--skip-log-bin".to_owned(),
            "--innodb-buffer-pool-size=32M".to_owned(),
            "--innodb-flush-log-at-trx-commit=2".to_owned(),
            "--innodb-flush-method=nosync".to_owned(),
            "--innodb-use-native-aio=0".to_owned(),
            "--max-connections=60".to_owned(),
        ];
        let args: Vec<_> = args.into_iter().chain(self.maker.settings().iter().map(ToString::to_string)).collect();
        let answers = || printed(&mut self.client("SELECT 1")).is_ok();
        *self.child() = Some(self.account.start_and_wait(&self.maker.server(), &args, answers));
    }

    /// Stops the server where it is, as `kill -STOP` does: it keeps its connections and answers nothing.
    ///
    /// # Panics
    /// If it does not run.
    pub fn freeze(&self) {
        freeze(self.child().as_ref().expect("a running server"));
    }

    /// Lets it go on.
    ///
    /// # Panics
    /// If it does not run.
    pub fn thaw(&self) {
        thaw(self.child().as_ref().expect("a running server"));
    }

    /// Runs SQL as the owner of all; what it answers, a line for each row.
    ///
    /// # Panics
    /// If the SQL fails.
    #[allow(clippy::must_use_candidate, reason = "most are run for their effect")]
    pub fn command(&self, sql: &str) -> String {
        let sql = if sql.starts_with("CREATE DATABASE") { sql.to_owned() } else { format!("USE cached; {sql}") };
        printed(&mut self.client(&sql)).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self, sql: &str) -> Command {
        let mut client = self.account.command(&self.maker.client());
        client.args(["--no-defaults", &format!("--socket={}", self.at("socket")), "-u", "root", "-NB", "-e", sql]);
        client
    }

    fn at(&self, name: &str) -> String {
        self.account.path().join(name).display().to_string()
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            self.account.tell_if_ended(&mut child);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
