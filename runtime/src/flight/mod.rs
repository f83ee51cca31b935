//! One load shared by all callers who want it.
//!
//! A flight belongs to the load, not to a caller: callers join and leave, the load runs to its end and lands once.
//! What landed is told to everyone who waited; then the key is free.

mod board;
mod chain;
mod drive;
mod landing;
mod relay;
mod unwind;
mod wait;
#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
mod whose;
#[cfg(not(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql"))))]
#[path = "whose_absent.rs"]
mod whose;

pub(crate) use board::{Board, Boarded, Lead};
pub(crate) use chain::{
    Alone, FlightId, chained, chained_apart, chained_sync, forget, is_withheld, withhold, would_wait_for_itself,
};
pub(crate) use drive::drive;
pub(crate) use landing::{Fallback, Flight, Landing, Told};
pub(crate) use relay::Load;
pub(crate) use unwind::{CatchUnwind, message_of};
#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub(crate) use whose::{Asker, as_request, asker};
pub(crate) use whose::{Caller, Loading};
