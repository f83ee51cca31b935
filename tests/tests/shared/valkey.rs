//! What is promised over Redis is promised over Valkey: tests of this program once more, where Valkey is installed.

use std::process::{Command, Stdio};

use kit::{PROGRAM, RedisServer};

use crate::child::one_run_at_a_time;
use crate::ear::EAR_FILE;
use crate::rig::{figure, full};

/// The day's work, and what differs first where servers differ: scripts, refusals, rights, an empty server.
const SOME: [&str; 7] = [
    "basics::",
    "data::r12_what_is_not_ours_is_a_miss_or_a_new_log_and_heals",
    "outage::r6_",
    "outage::r7_",
    "server::s16_",
    "server::r19_forgotten_scripts_are_loaded_again_without_anybody_noticing",
    "valkey::the_server_is_the_one_that_was_named",
];

/// Some of the tests, or all of them for `tests/run.sh --full`.
#[test]
fn what_holds_over_redis_holds_over_valkey() {
    // Not once more where all is run once more.
    if [PROGRAM, EAR_FILE].iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    let Some(program) = RedisServer::valkey() else {
        figure("Valkey", "not installed, nothing was run on it");
        return;
    };
    let mut tests = Command::new(std::env::current_exe().unwrap());
    if !full() {
        tests.args(SOME);
    }
    tests.args(["--test-threads", "2"]).env(PROGRAM, program).env_remove("CACHED_FULL");
    let turn = one_run_at_a_time();
    let done = tests.stdin(Stdio::null()).output().unwrap();
    drop(turn);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let passed = said.lines().find_map(|line| line.strip_prefix("test result: ok. ")).unwrap();
    let passed: usize = passed.split_once(" passed").unwrap().0.parse().unwrap();
    assert!(passed > SOME.len(), "the control: {passed} tests ran");
    figure("Valkey", format!("{passed} tests passed on it as well"));
}

/// The control: what is named is what is started.
#[test]
fn the_server_is_the_one_that_was_named() {
    let Some(named) = std::env::var_os(PROGRAM) else { return };
    let says = RedisServer::start().info("valkey_version");
    assert_eq!(says.is_some(), named.to_string_lossy().contains("valkey"), "{says:?}");
}
