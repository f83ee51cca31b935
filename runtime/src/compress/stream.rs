//! Bytes that are not all there at once: written and read piece by piece.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use super::method::Compression;
use super::packer::Packer;
#[cfg(feature = "zstd")]
use super::zstandard;
use crate::error::Result;

/// Compresses what is written to it, and writes that on.
///
/// Call [`finish`](Self::finish) at the end: what is dropped before has no end, and whoever reads it is told so.
///
/// ```
/// use std::io::{Read as _, Write as _};
/// use cached_runtime::compress::Compressor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let compressor = Compressor::new();
/// let text = compressor.profile("text")?;
/// let mut writer = text.writer(Vec::new())?;
/// for n in 0..1000 {
///     writeln!(writer, "line {n}")?;
/// }
/// let (method, small) = (writer.method(), writer.finish()?);
///
/// let mut lines = String::new();
/// text.reader(method, small.as_slice())?.read_to_string(&mut lines)?;
/// assert!(lines.ends_with("line 999\n") && small.len() < lines.len() / 3);
/// # Ok(())
/// # }
/// ```
pub struct Writer<W: Write> {
    method: Compression,
    to: To<W>,
}

enum To<W: Write> {
    Plain(W),
    Zlib(ZlibEncoder<W>),
    Gzip(GzEncoder<W>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::write::Encoder<'static, W>),
    #[cfg(feature = "lz4")]
    Lz4(Box<lz4_flex::frame::FrameEncoder<W>>),
}

impl<W: Write> Writer<W> {
    fn new(method: Compression, level: i32, to: W) -> Result<Self> {
        let flate = flate2::Compression::new(level.clamp(0, 9).unsigned_abs());
        let to = match method {
            Compression::None => To::Plain(to),
            Compression::Zlib => To::Zlib(ZlibEncoder::new(to, flate)),
            Compression::Gzip => To::Gzip(GzEncoder::new(to, flate)),
            #[cfg(feature = "zstd")]
            Compression::Zstd => To::Zstd(zstandard::encoder(level, to)?),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => To::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(to))),
        };
        Ok(Self { method, to })
    }

    /// With what it compresses: whoever reads has to know.
    #[must_use]
    pub const fn method(&self) -> Compression {
        self.method
    }

    /// Writes the end, and gives back what was written to.
    ///
    /// # Errors
    /// What writing it met.
    pub fn finish(self) -> io::Result<W> {
        match self.to {
            To::Plain(to) => Ok(to),
            To::Zlib(to) => to.finish(),
            To::Gzip(to) => to.finish(),
            #[cfg(feature = "zstd")]
            To::Zstd(to) => to.finish(),
            #[cfg(feature = "lz4")]
            To::Lz4(to) => to.finish().map_err(io::Error::other),
        }
    }

    fn to(&mut self) -> &mut dyn Write {
        match &mut self.to {
            To::Plain(to) => to,
            To::Zlib(to) => to,
            To::Gzip(to) => to,
            #[cfg(feature = "zstd")]
            To::Zstd(to) => to,
            #[cfg(feature = "lz4")]
            To::Lz4(to) => to.as_mut(),
        }
    }

    pub(super) fn target(&mut self) -> &mut W {
        match &mut self.to {
            To::Plain(to) => to,
            To::Zlib(to) => to.get_mut(),
            To::Gzip(to) => to.get_mut(),
            #[cfg(feature = "zstd")]
            To::Zstd(to) => to.get_mut(),
            #[cfg(feature = "lz4")]
            To::Lz4(to) => to.get_mut(),
        }
    }
}

/// `flush` makes all that was written readable on the other side, at the price of a few bytes each time.
impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to().flush()
    }
}

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Decompresses what it reads, up to the profile's `max_output`; then, and where the stream is cut, damaged or followed by
/// something else, reading is an error that says so. Several gzip members, zstd or LZ4 frames one behind the other are one
/// body.
pub struct Reader<R: BufRead> {
    method: Compression,
    from: Source<R>,
    /// How many bytes may still come.
    left: u64,
}

enum Source<R: BufRead> {
    Plain(R),
    Zlib(ZlibDecoder<R>),
    Gzip(MultiGzDecoder<R>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::read::Decoder<'static, R>),
    #[cfg(feature = "lz4")]
    Lz4(Box<super::lz4::Stream<R>>),
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(method: Compression, from: R, limit: usize) -> Result<Self> {
        let from = match method {
            Compression::None => Source::Plain(from),
            Compression::Zlib => Source::Zlib(ZlibDecoder::new(from)),
            Compression::Gzip => Source::Gzip(MultiGzDecoder::new(from)),
            #[cfg(feature = "zstd")]
            Compression::Zstd => Source::Zstd(zstandard::decoder(limit, from)?),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => Source::Lz4(Box::new(super::lz4::Stream::new(from))),
        };
        Ok(Self { method, from, left: u64::try_from(limit).unwrap_or(u64::MAX) })
    }

    fn read_some(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.from {
            Source::Plain(from) => from.read(into),
            Source::Zlib(from) => match from.read(into)? {
                0 if !into.is_empty() => ended(from.get_mut()),
                read => Ok(read),
            },
            Source::Gzip(from) => from.read(into),
            #[cfg(feature = "zstd")]
            Source::Zstd(from) => from.read(into),
            #[cfg(feature = "lz4")]
            Source::Lz4(from) => from.read(into),
        }
    }
}

/// Nothing may follow the end of a stream.
fn ended(from: &mut impl BufRead) -> io::Result<usize> {
    if from.fill_buf()?.is_empty() { Ok(0) } else { Err(invalid("something follows the end of the compressed stream")) }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl<R: BufRead> Read for Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.read_some(into)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(invalid("the stream stands for more than `max_output` bytes")),
        }
        Ok(read)
    }
}

impl<R: BufRead> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Packer {
    /// Compresses what is written to it on its way to `to`, whatever its length, by the method that the profile uses now. A
    /// dictionary is for short values and is not used. Streams are not counted in the statistics.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) if there is no memory for the method's context.
    pub fn writer<W: Write>(&self, to: W) -> Result<Writer<W>> {
        let (method, level) = self.now();
        Writer::new(method, level, to)
    }

    /// Decompresses a stream of this method while it is read, to at most the profile's `max_output` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) if there is no memory for the method's context.
    pub fn reader<R: BufRead>(&self, method: Compression, from: R) -> Result<Reader<R>> {
        Reader::new(method, from, self.profile().max_output)
    }
}
