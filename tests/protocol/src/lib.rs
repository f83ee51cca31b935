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

#[cfg(test)]
mod explore;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
