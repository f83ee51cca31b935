//! Values to frames and back: a format, a compression, and the limits both are held to.

#[cfg(not(feature = "tiers"))]
mod absent;
#[cfg(feature = "tiers")]
mod capped;
#[cfg(feature = "tiers")]
mod cause;
#[cfg(feature = "encryption")]
mod encrypt;
#[cfg(all(feature = "tiers", not(feature = "encryption")))]
#[path = "encrypt_absent.rs"]
mod encrypt;
mod fingerprint;
mod format;
#[cfg(feature = "tiers")]
mod frame;
#[cfg(feature = "tiers")]
mod limits;
#[cfg(any(feature = "image", feature = "response"))]
mod octets;
#[cfg(feature = "tiers")]
mod payload;
#[cfg(feature = "_seen")]
mod preview;
#[cfg(feature = "tiers")]
mod schema;
#[cfg(feature = "encryption")]
mod secrecy;
#[cfg(feature = "tiers")]
mod shape;
#[cfg(feature = "tiers")]
mod value;
#[cfg(feature = "encryption")]
mod veil;
#[cfg(all(feature = "tiers", not(feature = "encryption")))]
#[path = "veil_absent.rs"]
mod veil;
mod weigh;

#[cfg(feature = "tiers")]
pub use crate::compress::Compression;
#[cfg(not(feature = "tiers"))]
pub(crate) use absent::Frame;
#[cfg(feature = "encryption")]
pub use encrypt::Keys;
#[cfg(all(feature = "tiers", not(feature = "encryption")))]
pub(crate) use encrypt::Keys;
pub(crate) use fingerprint::fingerprint;
pub use format::Format;
#[cfg(feature = "tiers")]
pub use frame::{Frame, Head};
#[cfg(any(feature = "image", feature = "response"))]
pub(crate) use octets::Octets;
#[cfg(feature = "_seen")]
pub(crate) use preview::{Preview, preview};
#[cfg(feature = "tiers")]
pub use schema::Schema;
#[cfg(feature = "encryption")]
pub use secrecy::KeySecrecy;
#[cfg(feature = "tiers")]
pub use value::{Codec, Encoded};
#[cfg(feature = "tiers")]
pub(crate) use veil::Veil;
pub use weigh::weigh;
