//! The promises, on the database that is called `here` in them.

mod acting;
mod advice;
mod ahead;
mod asking;
mod attack;
mod batches;
mod beyond;
mod connections;
mod crowded;
mod differential;
mod faults;
mod outbox;
mod queries;
mod replicas;
mod resilience;
mod schema;
mod together;
mod transactions;
mod undone;
mod verdicts;
mod written;

use super::here;
