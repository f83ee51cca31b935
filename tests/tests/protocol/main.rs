//! The invalidation protocol in small, walked through every interleaving: two nodes, one source row, one L2 frame, one
//! shared log, with connections that break, a server that comes back empty and one that comes back without its last
//! record.
//!
//! In every reachable state:
//! - a value that a caller is given, or that stands readable in near, is at least as new as the last invalidation that
//!   had returned on that node, or been applied by it, when the read began (P1, P2);
//! - when all is quiet and delivered, nothing readable anywhere is old (P3, P4).
//!
//! Each guard of the protocol has a negative control: without it a violation must be found. Not in here: time (how long
//! a node may be suspect), and the shortcut of comparing one head per hit.
#![allow(missing_docs, clippy::unwrap_used)]

mod explore;
mod world;

use explore::{Found, explore};
use world::{Guard, Kind, Outage, Plan};

const ALL: [Kind; 2] = [Kind::Group, Kind::Key];

/// With two writes and two loads there are millions of states: `tests/run.sh --full` walks them all, other runs those
/// with one of either.
fn holds(outage: Outage) {
    let full = std::env::var_os("CACHED_FULL").is_some();
    let sizes: &[(u8, u8)] = if full { &[(2, 2)] } else { &[(2, 1), (1, 2)] };
    for kind in ALL {
        for &(writes, loads) in sizes {
            let found = explore(Plan { kind, outage, without: None, writes, loads });
            report(kind, outage, None, &found);
            assert!(found.path.is_none(), "{kind:?}, {outage:?}:\n{}", found.path.unwrap().join("\n"));
        }
    }
}

/// Without the guard something old is found, for at least one kind of invalidation and one kind of outage.
fn is_needed(guard: Guard, outages: &[Outage]) {
    // Most are found among few states.
    for (writes, loads) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        for (&outage, kind) in outages.iter().flat_map(|outage| ALL.map(|kind| (outage, kind))) {
            let found = explore(Plan { kind, outage, without: Some(guard), writes, loads });
            report(kind, outage, Some(guard), &found);
            if found.path.is_some() {
                return;
            }
        }
    }
    panic!("nothing goes wrong without {guard:?}: it is not needed, or the model does not see why");
}

#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn report(kind: Kind, outage: Outage, without: Option<Guard>, found: &Found) {
    let word = if found.path.is_some() { "violation" } else { "no violation" };
    println!("{kind:?} {outage:?} without {without:?}: {} states, {word}", found.states);
}

#[test]
fn nothing_old_is_served_while_all_is_well() {
    holds(Outage::None);
}

#[test]
fn nothing_old_is_served_when_a_connection_breaks() {
    holds(Outage::Cut);
}

#[test]
fn nothing_old_is_served_when_the_server_comes_back_empty() {
    holds(Outage::Empty);
}

#[test]
fn nothing_old_is_served_when_the_last_record_is_lost_in_a_failover() {
    holds(Outage::Tail);
}

#[test]
fn nothing_old_is_served_when_the_log_of_a_cluster_fails_over_and_the_frames_stay() {
    holds(Outage::TailOfCluster);
}

#[test]
fn each_guard_of_the_log_is_needed() {
    let well = &[Outage::None];
    is_needed(Guard::BirthBeforeRead, well);
    is_needed(Guard::NearCompares, well);
    is_needed(Guard::AppliedAgain, well);
    is_needed(Guard::FrameBirth, well);
    is_needed(Guard::Fence, well);
    is_needed(Guard::ClosedBeforeAppend, well);
}

#[test]
fn each_guard_of_an_outage_is_needed() {
    is_needed(Guard::Journal, &[Outage::Cut]);
    is_needed(Guard::DrainedBeforeOpen, &[Outage::Cut]);
    is_needed(Guard::DropOnNewEpoch, &[Outage::Empty]);
    is_needed(Guard::FrameEpoch, &[Outage::TailOfCluster]);
    is_needed(Guard::EpochOfServer, &[Outage::TailOfCluster]);
    is_needed(Guard::JudgedAtStore, &[Outage::Tail]);
    is_needed(Guard::TopIsThere, &[Outage::Tail]);
    is_needed(Guard::TopIsTheSame, &[Outage::Tail]);
}
