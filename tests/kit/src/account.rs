//! Programs that refuse to run as root, run as the account their package made for them.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How often a directory is filled before that has failed.
const ATTEMPTS: usize = 3;
/// How long a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory for a server, and whom it belongs to.
#[derive(Debug)]
pub(crate) struct Account {
    room: TempDir,
    /// User and group, if we are root and have to become someone else.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// An empty directory that belongs to this account; to ourselves if we are not root.
    pub(crate) fn named(name: &str) -> Self {
        let room = TempDir::with_prefix("kit-").expect("a temporary directory");
        let root = fs::metadata(room.path()).expect("its owner").uid() == 0;
        let id = |which| {
            let out = Command::new("id").args([which, name]).output().expect("id runs");
            String::from_utf8_lossy(&out.stdout).trim().parse().ok()
        };
        let ids = root.then(|| {
            id("-u")
                .zip(id("-g"))
                .unwrap_or_else(|| panic!("there is no user `{name}`: run tests/run.sh, which installs all"))
        });
        if let Some((user, group)) = ids {
            chown(room.path(), Some(user), Some(group)).expect("the directory can be given away");
        }
        Self { room, ids }
    }

    pub(crate) fn path(&self) -> &Path {
        self.room.path()
    }

    /// A program that will run under this account, in its directory, with nothing to read. What it keeps for a while stands
    /// there too: `MariaDB` removes at its start what any server left in the system's folder, and 10.11 crashes when the
    /// table of a query under way is gone (`ha_maria::drop_table`).
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).stdin(Stdio::null()).env("HOME", self.path()).env("TMPDIR", self.path());
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }

    /// Runs a program that fills a directory to its end, a few times if it fails: on a machine that is busy it may.
    /// Panics with what it said last.
    pub(crate) fn run(&self, program: &Path, args: &[&str], fills: &str) {
        let mut said_last = String::new();
        for _ in 0..ATTEMPTS {
            let out =
                self.command(program).args(args).output().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
            if out.status.success() {
                return;
            }
            said_last = said(&out);
            // What is half there would be in the way.
            let _ = fs::remove_dir_all(self.path().join(fills));
        }
        panic!("{} failed: {said_last}", program.display());
    }

    /// Starts a server, whose words go to a file of this directory.
    fn start(&self, program: &Path, args: &[String]) -> Child {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).expect("a log file");
        let mut command = self.command(program);
        command.args(args).stdout(log.try_clone().expect("a second handle")).stderr(log);
        command.spawn().unwrap_or_else(|e| panic!("{}: {e}", program.display()))
    }

    /// Starts a server and waits until it answers. One that ends is started again, for it may have met what is left of
    /// one that was killed; panics with its last words if that takes too long.
    pub(crate) fn start_and_wait(&self, program: &Path, args: &[String], answers: impl Fn() -> bool) -> Child {
        let start = Instant::now();
        let mut child = self.start(program, args);
        while !answers() {
            assert!(start.elapsed() < PATIENCE, "the server does not start: {}", self.last_words());
            std::thread::sleep(Duration::from_millis(20));
            if child.try_wait().expect("the server's state").is_some() {
                child = self.start(program, args);
            }
        }
        child
    }

    /// Prints the last words of a server that has ended by itself: no test will know why it was gone.
    pub(crate) fn tell_if_ended(&self, child: &mut Child) {
        if let Ok(Some(status)) = child.try_wait() {
            eprintln!("the server in {} ended by itself: {status}; {}", self.path().display(), self.last_words());
        }
    }

    fn log(&self) -> PathBuf {
        self.path().join("server.log")
    }

    fn last_words(&self) -> String {
        let mut text = String::new();
        let _ = fs::File::open(self.log()).and_then(|mut log| log.read_to_string(&mut text));
        text.chars().rev().take(6_000).collect::<Vec<_>>().into_iter().rev().collect()
    }
}

/// A program of the machine, or of one of these directories; panics if it is missing.
pub(crate) fn program(name: &str, also: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = also.iter().cloned().chain(std::env::split_paths(&path)).collect();
    let found = all.iter().map(|dir| dir.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is missing: run tests/run.sh, which installs what the tests need"))
}

/// A port of the loopback that nobody listens on, below those that systems give to clients: a server that is away for a
/// while must find its own free.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 500).expect("less than 500") * 32;
    let mut ports = (0..16_000).map(|_| 16_000 + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % 16_000);
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// What a client printed, or its complaint.
pub(crate) fn printed(client: &mut Command) -> Result<String, String> {
    let out = client.output().map_err(|e| e.to_string())?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).trim_end().to_owned());
    }
    Err(said(&out))
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}
