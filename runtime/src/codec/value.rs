//! One value: its payload, and the way back.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::format::Format;
use super::frame::Head;
use super::schema::Schema;
use super::shape::Shape;
#[cfg(feature = "zstd")]
use crate::compress::Dictionary;
use crate::compress::{Compression, Packer, too_large};
use crate::error::{Error, ErrorKind, Result};

/// How values of one site, or of a whole cache, become payloads and come back.
///
/// A value is carried back as it was or not at all: what the chosen format would change on the way takes another one,
/// value by value, and the frame says which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// The serde format. Default: [`Format::Postcard`], with [`Format::Msgpack`] for what postcard cannot carry.
    pub format: Format,
    /// The compressor. Default: zstd with feature `zstd`, else zlib.
    pub compression: Compression,
    /// The compressor's level. Default: its own (zlib 6, zstd 3).
    pub level: Option<i32>,
    /// Payloads shorter than this many bytes are not compressed. Default: 1024.
    pub threshold: usize,
    /// Values longer than this many bytes, before compression, are neither encoded nor decoded. Default: 1 MiB.
    pub max_value: usize,
}

impl Default for Codec {
    fn default() -> Self {
        Self {
            format: Format::default(),
            compression: Compression::default(),
            level: None,
            threshold: 1024,
            max_value: 1 << 20,
        }
    }
}

/// A payload and what its frame has to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The number of the format the value really took.
    pub format: u8,
    /// The number of the compression; that of [`Compression::None`] where compressing gained nothing.
    pub compression: u8,
    /// How long the payload is once decompressed, in bytes.
    pub raw_len: u32,
    /// The bytes.
    pub payload: Vec<u8>,
}

impl Codec {
    /// The payload of a value. `schema` is that of the type it will be decoded as.
    ///
    /// Cost: the value is walked twice, once to see which format carries it and once to write it.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the value is over `max_value`, found before it fills memory;
    /// [`ErrorKind::Codec`] if it nests deeper than 120 levels, if no format carries it, or if its `Serialize` fails.
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T, schema: &Schema) -> Result<Encoded> {
        self.encode_by(value, schema, |raw| {
            let smaller = if raw.len() < self.threshold { None } else { self.compression.compress(raw, self.level) };
            smaller.map(|small| (self.compression, small))
        })
    }

    /// The same, compressed as a packer has it: what the codec says of compression does not matter then.
    pub(crate) fn encode_with<T: Serialize + ?Sized>(
        &self,
        packer: &Packer,
        value: &T,
        schema: &Schema,
    ) -> Result<Encoded> {
        self.encode_by(value, schema, |raw| packer.pack_block(raw))
    }

    fn encode_by<T: Serialize + ?Sized>(
        &self,
        value: &T,
        schema: &Schema,
        pack: impl FnOnce(&[u8]) -> Option<(Compression, Vec<u8>)>,
    ) -> Result<Encoded> {
        let (format, raw) = self.write(value, schema)?;
        let raw_len = u32::try_from(raw.len()).map_err(|_| too_large(self.max_value))?;
        let (compression, payload) = pack(&raw).unwrap_or((Compression::None, raw));
        Ok(Encoded { format: format.number(), compression: compression.number(), raw_len, payload })
    }

    /// The value of a payload, by what its head says about it.
    ///
    /// Whose payload it is, the caller has checked: the head's fingerprint is that of the site and of `T`'s [`Schema`].
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the head announces more than `max_value`, before anything is allocated;
    /// [`ErrorKind::Frame`] if the payload is not what the head announces; [`ErrorKind::Codec`] if it is not exactly
    /// one value of this type.
    pub fn decode<T: DeserializeOwned>(&self, head: &Head, payload: &[u8]) -> Result<T> {
        self.read(head, payload, Compression::decompress)
    }

    /// The same, decompressed as a packer has it: it knows dictionaries.
    pub(crate) fn decode_with<T: DeserializeOwned>(&self, packer: &Packer, head: &Head, payload: &[u8]) -> Result<T> {
        self.read(head, payload, |method, bytes, raw_len, limit| packer.unpack_block(method, bytes, raw_len, limit))
    }

    /// Does this value come back as it was? A guard for types whose `Serialize` and `Deserialize` may disagree.
    ///
    /// Encodes, decodes and encodes again. Both encodings must have the same bytes; their order may differ, as hashed
    /// collections come back in an order of their own. Cost: all of that, so for the first value of a site.
    pub fn verify<T: Serialize + DeserializeOwned>(&self, value: &T, schema: &Schema) -> bool {
        let again = || {
            let (format, first) = self.write(value, schema)?;
            let back: T = format.decode(&first)?;
            Ok::<_, Error>((first, self.write(&back, schema)?.1))
        };
        again().is_ok_and(|(mut first, mut second)| {
            first == second || {
                first.sort_unstable();
                second.sort_unstable();
                first == second
            }
        })
    }

    /// A dictionary of at most `max_len` bytes for entries that hold such values, trained on the bytes that this codec makes of
    /// them; for [`Profile::dictionary`](crate::compress::Profile::dictionary) and
    /// [`Builder::compress_site`](crate::Builder::compress_site). Take the codec with the cache's `format`.
    ///
    /// # Errors
    /// As [`Dictionary::train`], and as [`encode`](Self::encode) for each value.
    #[cfg(feature = "zstd")]
    pub fn train<'a, T>(&self, values: impl IntoIterator<Item = &'a T>, max_len: usize) -> Result<Dictionary>
    where
        T: Serialize + DeserializeOwned + 'a,
    {
        let schema = Schema::of::<T>();
        let payloads = values.into_iter().map(|value| Ok(self.write(value, &schema)?.1));
        Dictionary::train(payloads.collect::<Result<Vec<_>>>()?, max_len)
    }

    fn write<T: Serialize + ?Sized>(&self, value: &T, schema: &Schema) -> Result<(Format, Vec<u8>)> {
        let format = self.choose(value, schema)?;
        Ok((format, format.encode(value, self.max_value)?))
    }

    /// The format that carries this value back: the one asked for, if it does.
    fn choose<T: Serialize + ?Sized>(&self, value: &T, schema: &Schema) -> Result<Format> {
        if self.format == Format::Json && Shape::of(value, None, true, self.max_value)?.fits_json() {
            return Ok(Format::Json);
        }
        let shape = Shape::of(value, schema.graph(), false, self.max_value)?;
        match (shape.fits_positional(), shape.fits_named()) {
            (true, false) => Ok(Format::Postcard),
            (true, true) if self.format == Format::Postcard => Ok(Format::Postcard),
            (_, true) => Ok(Format::Msgpack),
            (false, false) => {
                let message = "no format carries this value back as it is: do not put an empty value inside `Some`";
                Err(Error::new(ErrorKind::Codec, message))
            }
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        head: &Head,
        payload: &[u8],
        unpack: impl FnOnce(Compression, &[u8], usize, usize) -> Result<Vec<u8>>,
    ) -> Result<T> {
        let format = Format::from_number(head.format)?;
        let compression = Compression::from_number(head.compression)?;
        let raw_len = usize::try_from(head.raw_len).unwrap_or(usize::MAX);
        let raw = match compression {
            Compression::None if payload.len() == raw_len && raw_len <= self.max_value => Cow::Borrowed(payload),
            _ => Cow::Owned(unpack(compression, payload, raw_len, self.max_value)?),
        };
        format.decode(&raw)
    }
}
