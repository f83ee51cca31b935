//! An operator's clean-up beside the worker's own sweep, in this process.

use std::sync::Arc;

use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::tier::sql::{Sql, SqlOptions};

#[path = "../servers/swept.rs"]
mod swept;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cleanup_beside_the_sweep_counts_each_entry_once_in_memory() {
    swept::a_cleanup_beside_the_sweep_counts_each_entry_once(Arc::new(MemoryTier::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cleanup_beside_the_sweep_counts_each_entry_once_in_sqlite() {
    let room = tempfile::tempdir().unwrap();
    let tier = Sql::open(SqlOptions::sqlite(room.path().join("store")).unwrap());
    swept::a_cleanup_beside_the_sweep_counts_each_entry_once(Arc::new(tier)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_two_walks_at_once_are_noticed() {
    swept::control_two_walks_at_once_are_noticed(Arc::new(MemoryTier::new())).await;
}
