//! What small values of one kind have in common, known beforehand on both sides.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};

use super::method::Compression;
use crate::error::{Error, ErrorKind, Result};

/// The method whose frames say which dictionary they need: zstd.
pub(super) const METHOD: u8 = Compression::Zstd.number();
/// A dictionary is begun so (RFC 8878, section 5).
const MAGIC: [u8; 4] = [0x37, 0xA4, 0x30, 0xEC];
/// Fewer samples say nothing that the next value has in common with them.
const FEWEST: usize = 8;
/// Longer than this no dictionary is read: it is copied for each thread that uses it at a time.
const LONGEST: usize = 1 << 20;
/// So many contexts are kept for the next who asks.
const KEPT: usize = 16;

/// A zstd dictionary, trained on values of the kind that it is for (feature `zstd`).
///
/// A value of a few hundred bytes repeats little within itself, and much of what the others say: with a dictionary of
/// their beginnings, names and phrases it becomes two to five times as small as without, and is compressed faster. Values of
/// several KiB gain little. It is for one kind of value; a change of the kind makes it worse, never wrong.
///
/// Whoever reads needs the dictionary that was written with, which its number in each frame says. So keep it with the
/// program (`include_bytes!`), and when a better one takes its place, give the former one to
/// [`Profile::also_reads`](super::Profile::also_reads) until the longest life of an entry is over. A frame whose dictionary
/// is not here is a miss.
///
/// For entries of a cache, [`Codec::train`](crate::codec::Codec::train) trains one on values.
///
/// Trained by `ZDICT` of zstd (the cover algorithm). Cost: about its own length for each thread that uses it at one time,
/// and some MiB of tables at high levels.
///
/// ```
/// # use cached_runtime::compress::{Dictionary, Profile, Compressor};
/// # fn main() -> cached_runtime::Result<()> {
/// let rows = (0..500).map(|n| format!("{{\"id\":{n},\"state\":\"delivered\",\"carrier\":\"post {}\"}}", n % 7));
/// let dictionary = Dictionary::train(rows, 8 << 10)?;
/// let compressor = Compressor::builder().profile(Profile::new("orders").dictionary(dictionary)).build()?;
/// let orders = compressor.profile("orders")?;
/// let row = br#"{"id":501,"state":"delivered","carrier":"post 3","gift":true,"to":"a friend"}"#;
/// let small = orders.compress(row);
/// assert!(small.bytes().len() < row.len());
/// assert_eq!(orders.decompress(small.method(), small.bytes())?, row);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dictionary(Arc<Shared>);

struct Shared {
    id: u32,
    bytes: Vec<u8>,
    /// Contexts that nobody uses just now, with their levels.
    packing: Mutex<Vec<(i32, Compressor<'static>)>>,
    unpacking: Mutex<Vec<Decompressor<'static>>>,
}

impl Dictionary {
    /// What [`bytes`](Self::bytes) gave, or `zstd --train`.
    ///
    /// # Errors
    /// A `Config` error if the bytes are no dictionary, are damaged, or are longer than 1 MiB.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = bytes.into();
        let refuse = |message: &str| Err(Error::config("dictionary", message).with("bytes", bytes.len()));
        if bytes.len() > LONGEST {
            return refuse("is longer than 1 MiB: train a shorter one");
        }
        let id = bytes.get(4..8).and_then(|id| <[u8; 4]>::try_from(id).ok()).map_or(0, u32::from_le_bytes);
        if !bytes.starts_with(&MAGIC) || id == 0 {
            return refuse("is no zstd dictionary: take what `Dictionary::train` or `zstd --train` gave");
        }
        if zstd::dict::DecoderDictionary::try_copy(&bytes).is_err() {
            return refuse("is damaged: zstd cannot load it");
        }
        Ok(Self(Arc::new(Shared { id, bytes, packing: Mutex::default(), unpacking: Mutex::default() })))
    }

    /// A dictionary of at most `max_len` bytes from these samples: real values, as they will be compressed.
    ///
    /// Good are some thousand samples, together a hundred times as long as the dictionary, which is good with 8 to 112 KiB.
    /// Cost: seconds of one core for each 100 MB; call it in a tool, or on a thread that may block.
    ///
    /// # Errors
    /// A `Config` error if there are fewer than eight samples, or too little in them to have anything in common.
    pub fn train(samples: impl IntoIterator<Item = impl AsRef<[u8]>>, max_len: usize) -> Result<Self> {
        let (mut all, mut lengths) = (Vec::new(), Vec::new());
        for sample in samples {
            all.extend_from_slice(sample.as_ref());
            lengths.push(sample.as_ref().len());
        }
        let refuse = |message: &str| {
            let error = Error::config("dictionary", message);
            Err(error.with("samples", lengths.len()).with("bytes", all.len()))
        };
        if lengths.len() < FEWEST {
            return refuse("needs eight samples at least, and better thousands");
        }
        match zstd::dict::from_continuous(&all, &lengths, max_len.min(LONGEST)) {
            Ok(bytes) => Self::new(bytes),
            Err(_) => refuse("cannot be trained on this: give more samples, longer ones, or a larger `max_len`"),
        }
    }

    /// Its number, which every frame that was written with it names.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// The dictionary itself, for a file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The compressed bytes, if they are fewer.
    pub(super) fn compress(&self, raw: &[u8], level: i32) -> Option<Vec<u8>> {
        let mut context = self.packing_at(level)?;
        let mut out = Vec::with_capacity(raw.len().checked_sub(1)?);
        let done = context.compress_to_buffer(raw, &mut out);
        give_back(&self.0.packing, (level, context));
        done.ok().map(|_| out)
    }

    fn packing_at(&self, level: i32) -> Option<Compressor<'static>> {
        let mut kept = self.0.packing.lock();
        if let Some(at) = kept.iter().rposition(|(of, _)| *of == level) {
            return Some(kept.remove(at).1);
        }
        drop(kept);
        Compressor::with_dictionary(level, &self.0.bytes).ok()
    }

    /// The level of the context that was used last.
    #[cfg(test)]
    pub(super) fn kept_level(&self) -> Option<i32> {
        self.0.packing.lock().last().map(|(level, _)| *level)
    }

    /// The bytes that these stand for, at most so many.
    pub(super) fn decompress(&self, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        let kept = self.0.unpacking.lock().pop();
        let mut context = kept.or_else(|| Decompressor::with_dictionary(&self.0.bytes).ok())?;
        let mut out = Vec::with_capacity(most);
        let done = context.decompress_to_buffer(bytes, &mut out);
        give_back(&self.0.unpacking, context);
        done.ok().map(|_| out)
    }
}

fn give_back<T>(to: &Mutex<Vec<T>>, context: T) {
    let mut kept = to.lock();
    // The first was not asked for the longest: it may be of a level that nobody takes any more.
    let former = (kept.len() >= KEPT).then(|| kept.remove(0));
    kept.push(context);
    drop(kept);
    drop(former);
}

pub(super) use super::zstandard::said_length;

/// The number of the dictionary that a zstd stream was written with, if it was with one.
pub(super) fn written_with(bytes: &[u8]) -> Option<u32> {
    zstd::zstd_safe::get_dict_id_from_frame(bytes).map(Into::into)
}

/// Its number and its length alone: dictionaries are made of values.
impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").field("id", &self.0.id).field("bytes", &self.0.bytes.len()).finish_non_exhaustive()
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Dictionary {}

/// Two dictionaries of one number could not be told apart by what was written with them.
pub(super) fn check(all: &[Dictionary]) -> Result<()> {
    for (at, one) in all.iter().enumerate() {
        if all[..at].iter().any(|other| other.id() == one.id() && other != one) {
            return Err(Error::config("dictionary", "two dictionaries have one number").with("id", one.id()));
        }
    }
    Ok(())
}

pub(super) fn missing(id: u32) -> Error {
    let message = "written with a dictionary that is not here: give it to `Profile::also_reads`";
    Error::new(ErrorKind::Frame, message).with("id", id)
}
