//! A child process that does not outlive the test.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// Reads until the test process is gone, then ends the server and removes its folder. This covers tests that are
/// killed and servers in statics, which nothing drops.
const WATCH: &str = r#"trap '' INT TERM HUP; read -r line; kill -KILL "$1" && rm -rf -- "$2""#;

/// A running server process, killed and reaped when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    server: Child,
    watch: Child,
    frozen: bool,
}

impl Process {
    /// Starts a program whose files are in a folder of its own.
    pub(crate) fn start(program: &Path, arguments: &[String], folder: &Path) -> Process {
        let server = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("{} could not be started: {e}", program.display()));
        let watch = watch(&server, folder);
        Process { server, watch, frozen: false }
    }

    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// Whether the program has ended by itself.
    pub(crate) fn ended(&mut self) -> bool {
        self.server.try_wait().expect("a child can be waited for").is_some()
    }

    /// Stops the process where it is, and returns when it stands.
    pub(crate) fn freeze(&mut self) {
        if !self.frozen {
            freeze(&self.server);
            self.frozen = true;
        }
    }

    pub(crate) fn thaw(&mut self) {
        if self.frozen {
            thaw(&self.server);
            self.frozen = false;
        }
    }
}

/// Stops a child where it is, and returns when all of it stands. It has not been reaped, so its number is still its own.
pub(crate) fn freeze(child: &Child) {
    let pid = Pid::from_child(child);
    kill_process(pid, Signal::STOP).expect("a child takes signals");
    waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED).expect("a living server stops when told to");
}

/// Lets a child go on.
pub(crate) fn thaw(child: &Child) {
    kill_process(Pid::from_child(child), Signal::CONT).expect("a child takes signals");
}

/// Sends a signal to the processes that a child has made.
pub(crate) fn signal_children(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let found = Command::new("pgrep").args(["-P", &id]).output().expect("every system that tests run on has pgrep");
    let found = String::from_utf8_lossy(&found.stdout);
    // One that has ended meanwhile takes none.
    let _ =
        Command::new("kill").arg(format!("-{signal}")).args(found.split_whitespace()).stderr(Stdio::null()).status();
}

impl Drop for Process {
    /// The watch goes first: it must not kill a number that may be someone else's by then.
    fn drop(&mut self) {
        for child in [&mut self.watch, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn watch(server: &Child, folder: &Path) -> Child {
    Command::new("sh")
        .args(["-c", WATCH, "sh", &server.id().to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("every system that tests run on has a shell")
}
