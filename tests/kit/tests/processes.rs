//! What crosses the border of the test process: times, and the end of its servers.
//!
//! The other process is this program again, told by an argument to run one test that does nothing otherwise.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use kit::{Connection, Log, RedisServer, now, read_logs, until};

const FILE: &str = "KIT_FILE_OF_THE_OTHER_PROCESS";

/// Runs one test of this file in another process, which gets the name of a file to write to.
fn elsewhere(test: &str, file: &Path, path: &str) -> Output {
    Command::new(std::env::current_exe().expect("a program knows its file"))
        .args(["--exact", test])
        .envs([(FILE, file), ("PATH", Path::new(path))])
        .output()
        .expect("this program runs twice")
}

fn search_path() -> String {
    std::env::var("PATH").expect("programs are searched for")
}

#[test]
fn logs_a_read() {
    let Some(file) = std::env::var_os(FILE) else { return };
    Log::create(file, 2).expect("it can be written").read("k", 1, now());
}

#[test]
fn leaves_a_server_behind() {
    static SERVER: OnceLock<RedisServer> = OnceLock::new();
    let Some(file) = std::env::var_os(FILE) else { return };
    let server = SERVER.get_or_init(RedisServer::start);
    std::fs::write(file, format!("{} {}", server.port(), server.unix_url())).expect("it can be written");
    server.freeze();
    std::process::abort();
}

#[test]
fn times_of_processes_can_be_compared() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("log");
    let before = now();
    assert!(elsewhere("logs_a_read", &file, &search_path()).status.success());
    let events = read_logs([file]);
    let [kit::Event::Read { started_at, ended_at, node: 2, .. }] = events.as_slice() else { panic!("{events:?}") };
    assert!(before < *started_at && started_at <= ended_at && *ended_at < now());
}

#[test]
fn a_process_that_is_killed_leaves_no_server() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("told");
    assert!(!elsewhere("leaves_a_server_behind", &file, &search_path()).status.success());
    let told = std::fs::read_to_string(file).expect("the other process has told");
    let (port, url) = told.split_once(' ').expect("it has told a port and an address");
    let port = port.parse().expect("a port is a number");
    let socket = url.trim_start_matches("redis+unix://");
    until("the server ends with its folder", Duration::from_secs(5), || {
        Connection::to(port).is_err() && !Path::new(socket).parent().is_some_and(Path::exists)
    });
}

#[test]
fn a_machine_without_a_server_is_told_what_to_run() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let without = folder.path().display().to_string();
    let output = elsewhere("leaves_a_server_behind", &folder.path().join("told"), &without);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("neither redis-server nor valkey-server is installed: run tests/run.sh"), "{told}");
}
