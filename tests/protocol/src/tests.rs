//! What holds in every state, and that each guard is needed for it.
#![allow(clippy::unwrap_used)]

use crate::explore::{Found, explore};
use crate::plan::{Guard, Kind, Outage, Plan};

const ALL: [Kind; 2] = [Kind::Group, Kind::Key];

/// With two writes and two loads there are millions of states: `tests/run.sh --full` walks them all, other runs those
/// with one of either.
fn holds(cluster: bool, outage: Outage) {
    let full = std::env::var_os("CACHED_FULL").is_some();
    let sizes: &[(u8, u8)] = if full { &[(2, 2)] } else { &[(2, 1), (1, 2)] };
    for kind in ALL {
        for &(writes, loads) in sizes {
            let plan = Plan { kind, cluster, outage, without: None, writes, loads };
            let found = explore(plan);
            report(&plan, &found);
            assert!(found.path.is_none(), "{plan:?}:\n{}", found.path.unwrap().join("\n"));
        }
    }
}

/// Without the guard something old is found, for at least one kind of invalidation and one of these outages.
fn is_needed(guard: Guard, cluster: bool, outages: &[Outage]) {
    // Most are found among few states.
    for (writes, loads) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        for (&outage, kind) in outages.iter().flat_map(|outage| ALL.map(|kind| (outage, kind))) {
            let plan = Plan { kind, cluster, outage, without: Some(guard), writes, loads };
            let found = explore(plan);
            report(&plan, &found);
            if found.path.is_some() {
                return;
            }
        }
    }
    panic!("nothing goes wrong without {guard:?}: it is not needed, or the model does not see why");
}

#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn report(plan: &Plan, found: &Found) {
    let Plan { kind, cluster, outage, without, .. } = plan;
    let word = if found.path.is_some() { "violation" } else { "no violation" };
    let place = if *cluster { "in a cluster" } else { "on one server" };
    println!("{kind:?} {outage:?} {place} without {without:?}: {} states, {word}", found.states);
}

#[test]
fn nothing_old_is_served_while_all_is_well() {
    holds(false, Outage::None);
}

#[test]
fn nothing_old_is_served_when_a_connection_breaks() {
    holds(false, Outage::Cut);
}

#[test]
fn nothing_old_is_served_when_the_server_comes_back_empty() {
    holds(false, Outage::Empty);
}

#[test]
fn nothing_old_is_served_when_the_last_record_is_lost_in_a_failover() {
    holds(false, Outage::Tail);
}

#[test]
fn nothing_old_is_served_when_a_node_starts_anew() {
    holds(false, Outage::Restart);
}

#[test]
fn nothing_old_is_served_in_a_cluster_while_all_is_well() {
    holds(true, Outage::None);
}

#[test]
fn nothing_old_is_served_in_a_cluster_when_a_connection_breaks() {
    holds(true, Outage::Cut);
}

#[test]
fn nothing_old_is_served_in_a_cluster_when_a_node_starts_anew() {
    holds(true, Outage::Restart);
}

#[test]
fn nothing_old_is_served_when_the_log_of_a_cluster_is_lost_and_the_frames_stay() {
    holds(true, Outage::Empty);
    holds(true, Outage::Tail);
}

#[test]
fn nothing_old_is_served_when_frames_of_a_cluster_come_back() {
    holds(true, Outage::TailOfFrames);
}

#[test]
fn nothing_old_is_served_when_frames_of_a_cluster_are_away() {
    holds(true, Outage::FramesAway);
}

#[test]
fn each_guard_of_the_log_is_needed() {
    let well = &[Outage::None];
    is_needed(Guard::BirthBeforeRead, false, well);
    is_needed(Guard::NearCompares, false, well);
    is_needed(Guard::AppliedAgain, false, well);
    is_needed(Guard::FrameBirth, false, well);
    is_needed(Guard::Fence, false, &[Outage::Restart]);
    is_needed(Guard::ClosedBeforeAppend, false, &[Outage::Restart]);
}

#[test]
fn each_guard_of_an_outage_is_needed() {
    is_needed(Guard::Journal, false, &[Outage::Cut]);
    is_needed(Guard::DrainedBeforeOpen, false, &[Outage::Cut]);
    is_needed(Guard::DropOnNewEpoch, false, &[Outage::Empty]);
    is_needed(Guard::JudgedAtStore, false, &[Outage::Tail]);
    is_needed(Guard::TopIsThere, false, &[Outage::Tail]);
    is_needed(Guard::TopIsTheSame, false, &[Outage::Tail]);
}

#[test]
fn each_guard_of_a_cluster_is_needed() {
    is_needed(Guard::FrameEpoch, true, &[Outage::Tail]);
    is_needed(Guard::EpochOfServer, true, &[Outage::Tail]);
    is_needed(Guard::Fence, true, &[Outage::Restart]);
    is_needed(Guard::ClosedBeforeAppend, true, &[Outage::Restart]);
    is_needed(Guard::OpenedByCloser, true, &[Outage::Restart]);
    is_needed(Guard::RemovedAtOpening, true, &[Outage::TailOfFrames]);
    is_needed(Guard::SaidAgain, true, &[Outage::TailOfFrames]);
    is_needed(Guard::Remembered, true, &[Outage::FramesAway]);
}
