//! Whole payloads in one call, in contexts that each thread keeps.

use std::cell::RefCell;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

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
        static CONTEXT: RefCell<Option<(u32, Wrap, Compress)>> = const { RefCell::new(None) };
    }
    let level = level.clamp(0, 9).unsigned_abs();
    CONTEXT.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, around, _)| (*of, *around) != (level, wrap)) {
            let asked = flate2::Compression::new(level);
            let context = match wrap {
                Wrap::Zlib => Compress::new(asked, true),
                Wrap::Gzip => Compress::new_gzip(asked, WINDOW),
            };
            *kept = Some((level, wrap, context));
        }
        let (_, _, context) = kept.as_mut()?;
        context.reset();
        // One byte less than the original: what does not fit is not wanted.
        let mut out = Vec::with_capacity(raw.len().checked_sub(1)?);
        let status = context.compress_vec(raw, &mut out, FlushCompress::Finish).ok()?;
        (status == Status::StreamEnd).then_some(out)
    })
}

pub(super) fn inflate(bytes: &[u8], raw_len: usize, wrap: Wrap) -> Option<Vec<u8>> {
    inflating(wrap, |context| {
        let mut out = Vec::with_capacity(raw_len);
        let status = context.decompress_vec(bytes, &mut out, FlushDecompress::Finish).ok()?;
        let whole = status == Status::StreamEnd && context.total_in() == bytes.len() as u64;
        whole.then_some(out)
    })
}

/// Runs with this thread's context for such streams, as if it were new.
pub(super) fn inflating<T>(wrap: Wrap, run: impl FnOnce(&mut Decompress) -> T) -> T {
    thread_local! {
        static CONTEXT: RefCell<Decompress> = RefCell::new(Decompress::new(true));
    }
    match wrap {
        Wrap::Zlib => CONTEXT.with_borrow_mut(|context| {
            context.reset(true);
            run(context)
        }),
        // One that is used again would be made anew by `reset`, too, or forget that it is for gzip.
        Wrap::Gzip => run(&mut Decompress::new_gzip(WINDOW)),
    }
}

#[cfg(feature = "zstd")]
pub(super) fn zstandard(raw: &[u8], level: i32) -> Option<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
    }
    let range = zstd::compression_level_range();
    let level = level.clamp(*range.start(), *range.end());
    CONTEXT.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, _)| *of != level) {
            *kept = Some((level, zstd::bulk::Compressor::new(level).ok()?));
        }
        let (_, context) = kept.as_mut()?;
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
