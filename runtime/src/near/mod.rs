//! L1: live values in this process, one typed shelf per site, no serialization.

mod balance;
mod curved;
mod engine;
mod entry;
mod fifo;
mod focus;
mod gone;
#[cfg(feature = "moka")]
mod moka;
mod pace;
mod shelf;
mod stamps;

pub(crate) use balance::{Balance, Balanced, HasNear};
pub use engine::Eviction;
pub(crate) use entry::Entry;
pub(crate) use focus::Focus;
pub(crate) use gone::Gone;
pub(crate) use pace::Pace;
pub(crate) use shelf::{Found, Near, Seen, Whereabouts};
