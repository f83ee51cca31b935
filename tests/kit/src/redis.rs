//! A Redis server of a test's own.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::Process;
use crate::resp::{Connection, Reply};
use crate::wait::free_port;

/// The variable of the environment that names the file of the server program which all tests of a process start.
pub const PROGRAM: &str = "KIT_REDIS_SERVER";

/// How long a server may take to start.
const START: Duration = Duration::from_secs(10);

/// A real `redis-server` or `valkey-server` on a free port of the loopback address, with a folder of its own.
///
/// It is killed when this is dropped, and also when the test process ends without dropping it.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    process: Mutex<Option<Process>>,
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk.
    #[must_use]
    pub fn start() -> RedisServer {
        RedisServer::with(&[])
    }

    /// The file of `valkey-server`, where it is installed.
    #[must_use]
    pub fn valkey() -> Option<PathBuf> {
        installed("valkey-server")
    }

    /// Starts a server with further settings, given as on its command line: `&["--maxmemory", "8mb"]`.
    #[must_use]
    pub fn with(settings: &[&str]) -> RedisServer {
        RedisServer::arranged(|_, _| settings.iter().map(ToString::to_string).collect())
    }

    /// Starts a server that has every write on disk before it answers.
    #[must_use]
    pub fn persistent() -> RedisServer {
        RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server that also listens for TLS, on the port that is answered with it. All three are PEM; clients show
    /// a certificate of the authority if `asks` is set.
    ///
    /// # Panics
    ///
    /// When the files cannot be written.
    #[must_use]
    pub fn secure(certificate: &str, key: &str, authority: &str, asks: bool) -> (RedisServer, u16) {
        let port = free_port();
        let server = RedisServer::arranged(|folder, _| {
            let file = |name: &str, text: &str| {
                let file = folder.join(name);
                std::fs::write(&file, text).expect("a certificate can be written");
                file.display().to_string()
            };
            let files = [file("cert.pem", certificate), file("key.pem", key), file("authority.pem", authority)];
            let words = ["--tls-port", &port.to_string(), "--tls-auth-clients", if asks { "yes" } else { "no" }];
            let names = ["--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file"];
            let files = names.iter().zip(&files).flat_map(|(name, file)| [(*name).to_owned(), file.clone()]);
            words.into_iter().map(str::to_owned).chain(files).collect()
        });
        (server, port)
    }

    /// Gives a server that listens for TLS another certificate with its key.
    ///
    /// # Panics
    ///
    /// When it is not taken.
    pub fn renew(&self, certificate: &str, key: &str) {
        let folder = self.folder.path();
        std::fs::write(folder.join("cert.pem"), certificate).expect("a certificate can be written");
        std::fs::write(folder.join("key.pem"), key).expect("a key can be written");
        let file = folder.join("cert.pem").display().to_string();
        let reply = self.command(&["CONFIG", "SET", "tls-cert-file", &file]);
        assert!(reply.is_ok(), "the certificate is not taken: {reply:?}");
    }

    /// Starts a server whose arguments depend on its folder and port. A port that someone takes first costs a try.
    pub(crate) fn arranged(further: impl Fn(&Path, u16) -> Vec<String>) -> RedisServer {
        (0..5).find_map(|_| RedisServer::attempt(&further)).expect("in five tries a server starts on a free port")
    }

    fn attempt(further: impl Fn(&Path, u16) -> Vec<String>) -> Option<RedisServer> {
        let folder = tempfile::Builder::new().prefix("kit-").tempdir().expect("a temporary folder can be made");
        let port = free_port();
        let further = further(folder.path(), port);
        let (leading, switches) = further.split_at(further.iter().take_while(|word| !word.starts_with("--")).count());
        let arguments = [leading, &usual(folder.path(), port), switches].concat();
        let server = RedisServer { port, arguments, process: Mutex::new(None), folder };
        server.launch().then_some(server)
    }

    /// The port it listens on, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address: `redis://127.0.0.1:PORT/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Its address by way of a Unix socket: `redis+unix:///PATH`.
    #[must_use]
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The number of its process.
    ///
    /// # Panics
    ///
    /// When it was killed.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running().as_ref().expect("a killed server has no process").id()
    }

    /// Kills the process with SIGKILL and returns when it is gone.
    pub fn kill(&self) {
        drop(self.running().take());
    }

    /// Kills the process if it runs, and starts it again on its port with what it has on disk.
    ///
    /// # Panics
    ///
    /// When it does not answer within ten seconds.
    pub fn restart(&self) {
        self.kill();
        let since = Instant::now();
        while !self.launch() {
            assert!(since.elapsed() < START, "port {} is no longer free: {}", self.port, self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills the process, removes what it has on disk and starts it again on its port.
    ///
    /// # Panics
    ///
    /// When it does not answer within ten seconds.
    pub fn restart_empty(&self) {
        self.kill();
        for entry in std::fs::read_dir(self.folder.path()).expect("the folder of a server can be read").flatten() {
            let path = entry.path();
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
                .expect("the files of a server can be removed");
        }
        self.restart();
    }

    /// Stops the process with SIGSTOP: connections stay open and nothing is answered.
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn freeze(&self) {
        self.running().as_mut().expect("a killed server cannot be frozen").freeze();
    }

    /// Lets a frozen process go on.
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn thaw(&self) {
        self.running().as_mut().expect("a killed server cannot be thawed").thaw();
    }

    /// Sends a command over a connection of its own and waits for the reply.
    ///
    /// # Panics
    ///
    /// When there is no reply within five seconds. An error reply is a reply.
    pub fn command(&self, words: &[&str]) -> Reply {
        self.try_command(words).unwrap_or_else(|e| panic!("no reply to {words:?} on port {}: {e}", self.port))
    }

    /// Sends a command over a connection of its own, which may fail.
    pub fn try_command(&self, words: &[&str]) -> io::Result<Reply> {
        Connection::to(self.port)?.command(words)
    }

    /// Is there a key of this name? A replica in a cluster tells as well.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        let keys = self.command(&["KEYS", "*"]);
        keys.items().iter().filter_map(Reply::text).any(|found| found == key)
    }

    /// A field of what `INFO` tells, such as `master_link_status`.
    #[must_use]
    pub fn info(&self, field: &str) -> Option<String> {
        let text = self.try_command(&["INFO"]).ok()?.text()?;
        text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned))
    }

    /// Starts the process and waits till it answers; false when it ended by itself, as when its port is taken.
    fn launch(&self) -> bool {
        let mut process = Process::start(&program(), &self.arguments, self.folder.path());
        let since = Instant::now();
        while !self.answers() {
            if process.ended() {
                return false;
            }
            assert!(since.elapsed() < START, "the server does not answer after {START:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        *self.running() = Some(process);
        true
    }

    /// Asked over the socket in its own folder, so that no other server can answer in its place. It is opened after
    /// the port.
    fn answers(&self) -> bool {
        let Ok(stream) = UnixStream::connect(self.socket()) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a socket takes a limit");
        match Connection::over(stream).command(&["PING"]) {
            Ok(Reply::Error(text)) => !text.starts_with("LOADING"),
            Ok(_) => true,
            Err(_) => false,
        }
    }

    fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn running(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}

/// The arguments of every server. What a test sets comes after them and so prevails.
fn usual(folder: &Path, port: u16) -> Vec<String> {
    let (folder, socket) = (folder.display().to_string(), socket(folder).display().to_string());
    let port = port.to_string();
    [
        ["--port", &port],
        ["--bind", "127.0.0.1"],
        ["--unixsocket", &socket],
        ["--dir", &folder],
        ["--logfile", "log"],
        ["--loglevel", "notice"],
        ["--save", ""],
        ["--appendonly", "no"],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

/// The server program: the one that [`PROGRAM`] names, else that of this machine.
fn program() -> PathBuf {
    let named = std::env::var_os(PROGRAM).map(PathBuf::from);
    named
        .or_else(|| ["redis-server", "valkey-server"].into_iter().find_map(installed))
        .expect("neither redis-server nor valkey-server is installed: run tests/run.sh, which installs it")
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
