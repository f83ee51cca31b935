//! How deep a site's values go: near only, or encoded below it.

use serde::Serialize;
use serde::de::DeserializeOwned;

#[cfg(feature = "tiers")]
use crate::codec::{Codec, Encoded, Head, Schema};
#[cfg(feature = "_seen")]
use crate::codec::{Preview, preview};
use crate::codec::{fingerprint, weigh};
#[cfg(feature = "tiers")]
use crate::compress::Packer;
#[cfg(feature = "tiers")]
use crate::error::Result;

/// Values that can leave the process.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached below near",
    label = "not `Serialize + DeserializeOwned`",
    note = "derive serde's `Serialize` and `Deserialize` for it, or write `#[cache(local)]` to keep the values in this process"
)]
pub trait Storable: Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Storable for T {}

/// How to encode, decode and trace one type.
#[cfg(feature = "tiers")]
pub struct Codecs<T> {
    pub(crate) encode: fn(&Codec, &Packer, &T, &Schema) -> Result<Encoded>,
    pub(crate) decode: fn(&Codec, &Packer, &Head, &[u8]) -> Result<T>,
    pub(crate) schema: fn() -> Schema,
    /// At most so many bytes of its JSON, for people.
    #[cfg(feature = "_seen")]
    pub(crate) preview: fn(&T, usize) -> Result<Preview>,
}

/// A site's depth, for what it stores.
pub trait Depth<T>: Copy + Send + Sync + 'static {
    /// How to encode it, if it goes below near at all.
    #[cfg(feature = "tiers")]
    fn codecs(self) -> Option<Codecs<T>>;
    /// What it weighs, in bytes.
    fn weigh(self, value: &T) -> usize;
    /// By what it is told from others, if it can be.
    fn fingerprint(self, value: &T) -> Option<u64>;
}

/// Near only: any type that can be cloned. Weighed by its size alone; give `weigh = ..` for values with much on the heap.
#[derive(Debug, Clone, Copy)]
pub struct Local;

/// All tiers that are installed.
#[derive(Debug, Clone, Copy)]
pub struct Framed;

impl<T> Depth<T> for Local {
    #[cfg(feature = "tiers")]
    fn codecs(self) -> Option<Codecs<T>> {
        None
    }

    fn weigh(self, _: &T) -> usize {
        size_of::<T>()
    }

    fn fingerprint(self, _: &T) -> Option<u64> {
        None
    }
}

impl<T: Storable> Depth<T> for Framed {
    #[cfg(feature = "tiers")]
    fn codecs(self) -> Option<Codecs<T>> {
        Some(Codecs {
            encode: Codec::encode_with,
            decode: Codec::decode_with,
            schema: Schema::of::<T>,
            #[cfg(feature = "_seen")]
            preview: preview::<T>,
        })
    }

    fn weigh(self, value: &T) -> usize {
        weigh(value)
    }

    fn fingerprint(self, value: &T) -> Option<u64> {
        fingerprint(value)
    }
}

#[cfg(feature = "tiers")]
impl<T> std::fmt::Debug for Codecs<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Codecs")
    }
}
