//! What the tests of this program give to caches in confidence is not said, whatever happens to Redis meanwhile.

use std::fs;
use std::process::{Command, Stdio};

use crate::child::one_run_at_a_time;
use crate::ear::EAR_FILE;
use crate::rig::{figure, full};

/// Where passwords, encryption keys, secret arguments and values are canaries.
const SOME: [&str; 6] = [
    "attack::s3_",
    "data::other_versions_secrets_and_prefixes_share_nothing",
    "server::r19_rights_that_are_taken_away_cost_no_call_and_are_said",
    "server::r19_a_password_that_is_suddenly_asked_for_costs_no_call",
    "server::a_wrong_address_is_an_error_and_a_wrong_password_a_warning",
    "outage::r9_",
];

/// S13: these tests once more, or all of them for `tests/run.sh --full`, with everything written down at TRACE.
#[test]
fn s13_nothing_secret_is_said_while_the_tests_run() {
    if std::env::var_os(EAR_FILE).is_some() {
        return;
    }
    let room = tempfile::tempdir().unwrap();
    let file = room.path().join("said");
    let mut tests = Command::new(std::env::current_exe().unwrap());
    if !full() {
        tests.args(SOME);
    }
    tests.args(["--test-threads", "2"]).env(EAR_FILE, &file).env_remove("CACHED_FULL");
    let turn = one_run_at_a_time();
    let done = tests.stdin(Stdio::null()).output().unwrap();
    drop(turn);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let said = fs::read(&file).unwrap();
    let said = String::from_utf8_lossy(&said);
    let leaked: Vec<&str> = said.lines().filter(|line| line.contains("canary")).take(3).collect();
    figure("S13", format!("{} lines said, {} of them at TRACE: 0 canaries", said.lines().count(), traced(&said)));
    assert!(leaked.is_empty(), "{leaked:?}");
    assert!(traced(&said) > 100 && said.contains("WRONGPASS"), "the control: it was listened to, from TRACE to WARN");
}

fn traced(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with("TRACE")).count()
}
