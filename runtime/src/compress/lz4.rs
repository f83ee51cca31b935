//! LZ4 streams, of which the library takes a cut one for a whole one.

use std::io::{self, BufRead, Read, Write as _};

use lz4_flex::frame::{FrameDecoder, FrameEncoder};

use super::stream::ended;

/// The bytes as a stream of their own.
pub(super) fn whole(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = FrameEncoder::new(Vec::with_capacity(raw.len()));
    out.write_all(raw).ok()?;
    out.finish().ok()
}

/// All that such a stream stands for, up to one byte more than the limit, and nothing may follow it.
pub(super) fn open(bytes: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut stream = Stream::new(bytes);
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(2).min(limit));
    while out.len() <= limit {
        let part = stream.from.fill_buf()?;
        if part.is_empty() {
            stream.end()?;
            break;
        }
        // A block is 4 MiB at most.
        out.extend_from_slice(part);
        let read = part.len();
        stream.from.consume(read);
    }
    Ok(out)
}

/// Reads one stream to its end mark, and nothing may follow it.
pub(super) struct Stream<R: BufRead> {
    from: Box<FrameDecoder<Watched<R>>>,
    is_done: bool,
}

/// Notes if it was asked for more than there is.
struct Watched<R> {
    from: R,
    is_short: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.is_short |= read == 0 && !into.is_empty();
        Ok(read)
    }
}

impl<R: BufRead> Stream<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from: Box::new(FrameDecoder::new(Watched { from, is_short: false })), is_done: false }
    }

    /// The decoder gives nothing more: is that the end mark, and the last of all?
    fn end(&mut self) -> io::Result<()> {
        let watched = self.from.get_mut();
        if watched.is_short {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the compressed stream has no end"));
        }
        ended(&mut watched.from)?;
        self.is_done = true;
        Ok(())
    }
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_done || into.is_empty() {
            return Ok(0);
        }
        let read = self.from.read(into)?;
        if read == 0 {
            self.end()?;
        }
        Ok(read)
    }
}
