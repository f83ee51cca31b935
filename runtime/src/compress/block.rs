//! Whole payloads in one call, in contexts that each thread keeps.

use std::cell::RefCell;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::gzip;

/// What stands around a deflated stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrap {
    Zlib,
    Gzip,
}

/// The largest window that deflate has, in bits: 32 KiB.
const WINDOW: u8 = 15;

pub(super) fn deflate(raw: &[u8], level: i32, wrap: Wrap) -> Option<Vec<u8>> {
    thread_local! {
        /// One for each wrapping, with its level. Another level is told to it: a new context is several hundred KiB.
        static CONTEXTS: [RefCell<Option<(u32, Compress)>>; 2] = const { [RefCell::new(None), RefCell::new(None)] };
    }
    let level = level.clamp(0, 9).unsigned_abs();
    let asked = flate2::Compression::new(level);
    let make = || match wrap {
        Wrap::Zlib => Compress::new(asked, true),
        Wrap::Gzip => Compress::new_gzip(asked, WINDOW),
    };
    CONTEXTS.with(|contexts| {
        let mut kept = contexts[usize::from(wrap == Wrap::Gzip)].borrow_mut();
        let (of, context) = kept.get_or_insert_with(|| (level, make()));
        context.reset();
        if *of != level {
            context.set_level(asked).ok()?;
            *of = level;
        }
        // One byte less than the original: what does not fit is not wanted.
        let mut out = Vec::with_capacity(raw.len().checked_sub(1)?);
        let status = context.compress_vec(raw, &mut out, FlushCompress::Finish).ok()?;
        if status == Status::StreamEnd {
            return Some(out);
        }
        // Given up in the middle of a block: resetting does not make it forget that.
        *kept = None;
        None
    })
}

pub(super) fn inflate(bytes: &[u8], raw_len: usize, wrap: Wrap) -> Option<Vec<u8>> {
    let head = if wrap == Wrap::Gzip { gzip::head(bytes)? } else { 0 };
    let mut out = Vec::with_capacity(raw_len);
    let read = inflating(wrap, |context| {
        let status = context.decompress_vec(&bytes[head..], &mut out, FlushDecompress::Finish).ok()?;
        let read = usize::try_from(context.total_in()).ok()?;
        (status == Status::StreamEnd).then_some(head + read)
    })?;
    let rest = match wrap {
        Wrap::Zlib => &bytes[read..],
        Wrap::Gzip => gzip::after_tail(&bytes[read..], &out)?,
    };
    rest.is_empty().then_some(out)
}

/// Runs with this thread's context for what is so wrapped, as if it were new. Of gzip it reads what is deflated, and no more:
/// a context that reads the wrapping, too, cannot be used again.
pub(super) fn inflating<T>(wrap: Wrap, run: impl FnOnce(&mut Decompress) -> T) -> T {
    thread_local! {
        static CONTEXT: RefCell<Decompress> = RefCell::new(Decompress::new(true));
    }
    CONTEXT.with_borrow_mut(|context| {
        context.reset(wrap == Wrap::Zlib);
        run(context)
    })
}

#[cfg(feature = "zstd")]
pub(super) fn zstandard(raw: &[u8], level: i32) -> Option<Vec<u8>> {
    use zstd::zstd_safe::CParameter;

    thread_local! {
        /// With its level. Another one is told to it, and what it has made room for stays.
        static CONTEXT: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
    }
    let range = zstd::compression_level_range();
    let level = level.clamp(*range.start(), *range.end());
    CONTEXT.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Some((level, zstd::bulk::Compressor::new(level).ok()?));
        }
        let (of, context) = kept.as_mut()?;
        if *of != level {
            context.set_parameter(CParameter::CompressionLevel(level)).ok()?;
            *of = level;
        }
        let mut out = Vec::with_capacity(raw.len().checked_sub(1)?);
        context.compress_to_buffer(raw, &mut out).ok()?;
        Some(out)
    })
}

#[cfg(feature = "zstd")]
pub(super) fn unzstandard(bytes: &[u8], raw_len: usize) -> Option<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    CONTEXT.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Some(zstd::bulk::Decompressor::new().ok()?);
        }
        // In one call from slice to slice: the buffer is the window, so a stream cannot ask for a larger one.
        let mut out = Vec::with_capacity(raw_len);
        kept.as_mut()?.decompress_to_buffer(bytes, &mut out).ok()?;
        Some(out)
    })
}

#[cfg(feature = "lz4")]
pub(super) fn lz4(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; lz4_flex::block::get_maximum_output_size(raw.len())];
    let len = lz4_flex::block::compress_into(raw, &mut out).ok()?;
    out.truncate(len);
    Some(out)
}

#[cfg(feature = "lz4")]
pub(super) fn unlz4(bytes: &[u8], raw_len: usize) -> Option<Vec<u8>> {
    // A buffer of fresh zeros: whatever a broken stream leaves unwritten shows nothing of other payloads.
    let mut out = vec![0; raw_len];
    let len = lz4_flex::block::decompress_into(bytes, &mut out).ok()?;
    (len == raw_len).then_some(out)
}
