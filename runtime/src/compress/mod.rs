//! Compression: methods, profiles for kinds of data, dictionaries, responses and streams.
//!
//! Entries of a cache are compressed on their way to the tiers, each site by the cache's profile or one of its own
//! (`#[cache(compress = "text")]`, [`Builder::compress_profile`](crate::Builder::compress_profile)). A [`Compressor`] does
//! the same for what is stored or sent elsewhere.

mod accept;
mod block;
mod body;
mod choice;
mod compressor;
mod counts;
mod dense;
#[cfg(feature = "zstd")]
mod dictionary;
#[cfg(not(feature = "zstd"))]
#[path = "dictionary_absent.rs"]
mod dictionary;
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod method;
mod packer;
mod profile;
mod profiles;
mod stream;
mod whole;
#[cfg(feature = "zstd")]
mod zstandard;

#[cfg(test)]
mod tests;

#[cfg(feature = "response")]
pub(crate) use accept::best_of;
pub use body::Compressed;
pub use compressor::{Compressor, CompressorBuilder, Response};
#[cfg(feature = "zstd")]
pub use dictionary::Dictionary;
pub use method::Compression;
pub(crate) use method::too_large;
pub use packer::{Packed, Packer};
pub use profile::Profile;
pub(crate) use profiles::Profiles;
pub use stream::{Reader, Writer};

pub use crate::stats::CompressStats;
