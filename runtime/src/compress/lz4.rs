//! LZ4 streams, of which the library takes a cut one for a whole one.

use std::io::{self, BufRead, Read, Write as _};

use lz4_flex::frame::{FrameDecoder, FrameEncoder};

/// The bytes as a stream of their own.
pub(super) fn whole(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = FrameEncoder::new(Vec::with_capacity(raw.len()));
    out.write_all(raw).ok()?;
    out.finish().ok()
}

/// All that such streams stand for, up to a block more than the limit.
pub(super) fn open(bytes: &[u8], limit: usize) -> io::Result<Vec<u8>> {
    let mut stream = Stream::new(bytes);
    // Not made room for: the first block, which often is all, says how much is needed.
    let mut out = Vec::new();
    while out.len() <= limit {
        let part = stream.from.fill_buf()?;
        if part.is_empty() {
            if stream.is_over()? {
                break;
            }
            continue;
        }
        // A block is 8 MiB at most.
        out.extend_from_slice(part);
        let read = part.len();
        stream.from.consume(read);
    }
    Ok(out)
}

/// Reads one stream to its end mark, and those that follow it.
pub(super) struct Stream<R: BufRead> {
    from: FrameDecoder<Watched<R>>,
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
        Self { from: FrameDecoder::new(Watched { from, is_short: false }), is_done: false }
    }

    /// The decoder gives nothing more: is that the end mark, and the last of all?
    fn is_over(&mut self) -> io::Result<bool> {
        let watched = self.from.get_mut();
        if watched.is_short {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the compressed stream has no end"));
        }
        self.is_done = watched.from.fill_buf()?.is_empty();
        Ok(self.is_done)
    }
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_done || into.is_empty() {
            return Ok(0);
        }
        loop {
            let read = self.from.read(into)?;
            if read > 0 || self.is_over()? {
                return Ok(read);
            }
        }
    }
}
