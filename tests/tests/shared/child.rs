//! A node in a process of its own: this program again, told to run one test that does nothing otherwise.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::rig::LONG;

/// A process that is killed with the test.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Starts it, with a plan in its environment; `hosts` is a file that it sees in the place of the machine's own.
    pub(crate) fn start(test: &str, (name, plan): (&str, &str), hosts: Option<&Path>) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = match hosts {
            None => Command::new(program),
            Some(hosts) => {
                let mut command = unshared();
                command.args(["sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]).arg(hosts).arg(program);
                command
            }
        };
        command.args([test, "--exact", "--nocapture"]).env(name, plan);
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = spawned.unwrap_or_else(|e| panic!("a process of its own: {e}"));
        let lines = lines_of(process.stdout.take().unwrap());
        Self { process, lines }
    }

    /// The rest of its next line that begins so; others are passed over.
    pub(crate) fn says(&mut self, start: &str) -> String {
        let deadline = Instant::now() + 3 * LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("the process does not say `{start}`"));
            // What the harness writes may stand in front of it.
            if let Some((_, rest)) = line.split_once(start) {
                return rest.to_owned();
            }
        }
    }

    /// Stops it where it is, and returns when it stands.
    pub(crate) fn stop(&self) {
        self.signal("-STOP");
        let stat = format!("/proc/{}/stat", self.process.id());
        let deadline = Instant::now() + LONG;
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "a child takes signals");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The turn of who runs tests of this program once more: beside the tests that run already, two such runs at once would
/// make the machine too busy for all of them.
pub(crate) fn one_run_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that mounts for itself alone. Who is not root becomes so in a namespace of users.
fn unshared() -> Command {
    let id = Command::new("id").arg("-u").output().map(|out| out.stdout == b"0\n");
    let mut command = Command::new("unshare");
    if !id.unwrap_or(false) {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--propagation", "private"]);
    command
}

fn lines_of(out: ChildStdout) -> Receiver<String> {
    let (say, said) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if say.send(line).is_err() {
                return;
            }
        }
    });
    said
}
