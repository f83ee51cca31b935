//! Zstandard streams: how long they say that they are, and how much memory they may ask for.

use std::io::{self, BufRead};

use zstd::stream::read::Decoder;
use zstd::zstd_safe;

use crate::error::{Error, ErrorKind, Result};

/// What the first frame says of its length, if it does.
pub(super) fn said_by_first(bytes: &[u8]) -> Option<usize> {
    let said = zstd_safe::get_frame_content_size(bytes).ok().flatten();
    said.map(|len| usize::try_from(len).unwrap_or(usize::MAX))
}

/// What all frames together say of their length, if each does and the last one is whole.
pub(super) fn said_length(mut bytes: &[u8]) -> Option<usize> {
    let mut all = 0_usize;
    loop {
        all = all.saturating_add(said_by_first(bytes)?);
        let len = zstd_safe::find_frame_compressed_size(bytes).ok()?;
        bytes = bytes.get(len..)?;
        if bytes.is_empty() {
            return Some(all);
        }
    }
}

/// The window that everybody's decoders have to have room for, in bits: 8 MiB (RFC 8878, section 3.1.1.1.2; RFC 9659).
const WINDOW: u32 = 23;
/// Levels from here on would take a larger one for streams whose length is not known.
const WIDE: i32 = 20;

/// A decoder that makes no larger window than its output may be long, or than everybody's.
pub(super) fn decoder<R: BufRead>(limit: usize, from: R) -> Result<Decoder<'static, R>> {
    let bits = limit.checked_next_power_of_two().map_or(27, usize::ilog2).clamp(WINDOW, 27);
    let mut decoder = Decoder::with_buffer(from).map_err(|_| no_context())?;
    decoder.window_log_max(bits).map_err(|_| no_context())?;
    Ok(decoder)
}

/// An encoder at this level, whose stream everybody can read.
pub(super) fn encoder<W: io::Write>(level: i32, to: W) -> Result<zstd::stream::write::Encoder<'static, W>> {
    let mut encoder = zstd::stream::write::Encoder::new(to, level).map_err(|_| no_context())?;
    if level >= WIDE {
        encoder.window_log(WINDOW).map_err(|_| no_context())?;
    }
    Ok(encoder)
}

fn no_context() -> Error {
    Error::new(ErrorKind::Codec, "zstd could not make a context: is there memory left?")
}
