//! The chunks of a WebP (RFC 9649, §2).

use super::walk::{CUT, Found, Walk, Walked};

/// In the flags of `VP8X`.
const ANIMATION: u8 = 0x02;

pub(super) fn walk(bytes: &[u8]) -> Found<Walked> {
    let mut head = Walk::from(bytes, 4)?;
    let length = usize::try_from(u32::from_le_bytes(head.array()?)).unwrap_or(usize::MAX);
    let mut walk = Walk { rest: head.rest.get(4..length).ok_or(CUT)? };
    let (mut canvas, mut frame, mut moving) = (None, None, false);
    while !walk.is_empty() {
        let (kind, chunk) = part(&mut walk)?;
        match &kind {
            b"VP8X" if canvas.is_none() => canvas = Some(extended(chunk)?),
            b"VP8 " if frame.is_none() => frame = Some(lossy(chunk)?),
            b"VP8L" if frame.is_none() => frame = Some(lossless(chunk)?),
            b"ANMF" if !moving => {
                within(chunk, canvas.ok_or("a frame without a canvas")?)?;
                moving = true;
            }
            _ => {}
        }
    }
    match (canvas, frame) {
        // The decoder would only see it after it had made room for both.
        (Some(canvas), Some(frame)) if (canvas.width, canvas.height) != (frame.width, frame.height) => {
            Err("its frame has not the size of its canvas")
        }
        (Some(canvas), _) if canvas.animated || moving => Ok(Walked { animated: true, ..canvas }),
        (_, None) => Err("it has no pixels"),
        (_, Some(frame)) => Ok(frame),
    }
}

/// Is the frame of an animation as large as it says, and within its canvas? Only the first is ever decoded.
fn within(chunk: &[u8], canvas: Walked) -> Found<()> {
    let mut walk = Walk { rest: chunk };
    let [x0, x1, x2, y0, y1, y2, w0, w1, w2, h0, h1, h2, ..] = walk.array::<16>()?;
    let three = |a, b, c| u64::from(u32::from_le_bytes([a, b, c, 0]));
    let (width, height) = (three(w0, w1, w2) + 1, three(h0, h1, h2) + 1);
    let (right, below) = (three(x0, x1, x2) * 2 + width, three(y0, y1, y2) * 2 + height);
    if right > canvas.width.into() || below > canvas.height.into() {
        return Err("its frame is larger than its canvas");
    }
    while !walk.is_empty() {
        let (kind, part) = part(&mut walk)?;
        let frame = match &kind {
            b"VP8 " => lossy(part)?,
            b"VP8L" => lossless(part)?,
            _ => continue,
        };
        if (width, height) != (frame.width.into(), frame.height.into()) {
            return Err("its frame has not the size that it says");
        }
    }
    Ok(())
}

/// The next chunk, and what fills it up to an even length.
fn part<'a>(walk: &mut Walk<'a>) -> Found<([u8; 4], &'a [u8])> {
    let kind = walk.array::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(walk.array()?)).unwrap_or(usize::MAX);
    let chunk = walk.take(length)?;
    if length % 2 == 1 && !walk.is_empty() {
        walk.byte()?;
    }
    Ok((kind, chunk))
}

fn extended(chunk: &[u8]) -> Found<Walked> {
    let &[flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = chunk else { return Err(CUT) };
    let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
    Ok(Walked { width: side(w0, w1, w2), height: side(h0, h1, h2), animated: flags & ANIMATION != 0 })
}

fn lossy(chunk: &[u8]) -> Found<Walked> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = chunk else { return Err("its frame has no head") };
    let side = |a, b| u32::from(u16::from_le_bytes([a, b]) & 0x3fff);
    Ok(Walked { width: side(w0, w1), height: side(h0, h1), animated: false })
}

fn lossless(chunk: &[u8]) -> Found<Walked> {
    let &[0x2f, a, b, c, d, ..] = chunk else { return Err("its frame has no head") };
    let bits = u32::from_le_bytes([a, b, c, d]);
    Ok(Walked { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, animated: false })
}
