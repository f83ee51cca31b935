//! An operator's clean-up beside the worker's own sweep, on servers.

use std::sync::Arc;

use cached_runtime::tier::sql::Sql;

use crate::sql_rig::{Server, on_both};
use crate::swept;

on_both!(a_cleanup_beside_the_sweep_counts_each_entry_once, control_two_walks_at_once_are_noticed);

async fn a_cleanup_beside_the_sweep_counts_each_entry_once<S: Server>() {
    let server = S::shared();
    swept::a_cleanup_beside_the_sweep_counts_each_entry_once(Arc::new(Sql::open(server.fresh()))).await;
}

async fn control_two_walks_at_once_are_noticed<S: Server>() {
    let server = S::shared();
    swept::control_two_walks_at_once_are_noticed(Arc::new(Sql::open(server.fresh()))).await;
}
