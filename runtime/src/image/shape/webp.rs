//! The chunks of a WebP (RFC 9649, §2).

use super::super::fault::broken;
use super::{Walk, Walked, cut};
use crate::error::Result;

/// In the flags of `VP8X`.
const ANIMATION: u8 = 0x02;

pub(super) fn walk(bytes: &[u8]) -> Result<Walked> {
    let mut head = Walk::from(bytes, 4)?;
    let length = usize::try_from(u32::from_le_bytes(head.array()?)).unwrap_or(usize::MAX);
    let mut walk = Walk { rest: head.rest.get(4..length).ok_or_else(cut)? };
    let (mut canvas, mut frame) = (None, None);
    while !walk.is_empty() {
        let kind = walk.array::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(walk.array()?)).unwrap_or(usize::MAX);
        let chunk = walk.take(length)?;
        if length % 2 == 1 && !walk.is_empty() {
            walk.byte()?;
        }
        match &kind {
            b"VP8X" => canvas = Some(extended(chunk)?),
            b"VP8 " if frame.is_none() => frame = Some(lossy(chunk)?),
            b"VP8L" if frame.is_none() => frame = Some(lossless(chunk)?),
            b"ANMF" => {
                let canvas: Walked = canvas.ok_or_else(|| broken("a frame without a canvas"))?;
                return Ok(Walked { animated: true, ..canvas });
            }
            _ => {}
        }
    }
    match (canvas, frame) {
        (Some(canvas @ Walked { animated: true, .. }), _) => Ok(canvas),
        (_, None) => Err(broken("it has no pixels")),
        // The decoder would only see it after it had made room for both.
        (Some(canvas), Some(frame)) if (canvas.width, canvas.height) != (frame.width, frame.height) => {
            Err(broken("its frame has not the size of its canvas"))
        }
        (_, Some(frame)) => Ok(frame),
    }
}

fn extended(chunk: &[u8]) -> Result<Walked> {
    let &[flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = chunk else { return Err(cut()) };
    let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
    Ok(Walked { width: side(w0, w1, w2), height: side(h0, h1, h2), animated: flags & ANIMATION != 0 })
}

fn lossy(chunk: &[u8]) -> Result<Walked> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = chunk else { return Err(broken("its frame has no head")) };
    let side = |a, b| u32::from(u16::from_le_bytes([a, b]) & 0x3fff);
    Ok(Walked { width: side(w0, w1), height: side(h0, h1), animated: false })
}

fn lossless(chunk: &[u8]) -> Result<Walked> {
    let &[0x2f, a, b, c, d, ..] = chunk else { return Err(broken("its frame has no head")) };
    let bits = u32::from_le_bytes([a, b, c, d]);
    Ok(Walked { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, animated: false })
}
