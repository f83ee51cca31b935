//! Values to frames and back.

mod frame;

pub use frame::{Frame, Head};

/// The serde format of payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Compact and positional.
    Postcard,
}
