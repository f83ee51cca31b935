//! Values to frames and back.

mod frame;

pub use frame::{Frame, Head};
