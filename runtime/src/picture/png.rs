//! The chunks of a PNG (W3C PNG, third edition, §5).

use super::walk::{Found, Walk, Walked};

pub(super) fn walk(bytes: &[u8]) -> Found<Walked> {
    let mut walk = Walk::from(bytes, 8)?;
    let mut found: Option<Walked> = None;
    let mut pixels = false;
    loop {
        let length = u32::from_be_bytes(walk.array()?);
        let kind = walk.array::<4>()?;
        let chunk = walk.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        walk.array::<4>()?;
        match (&kind, &mut found) {
            (b"IHDR", None) => {
                let Some(&[w, x, y, z, h, i, j, k]) = chunk.first_chunk() else {
                    return Err("its header is too short");
                };
                let (width, height) = (u32::from_be_bytes([w, x, y, z]), u32::from_be_bytes([h, i, j, k]));
                found = Some(Walked { width, height, animated: false });
            }
            (_, None) => return Err("it does not begin with its header"),
            // An animation of one frame is a picture.
            (b"acTL", Some(found)) => {
                let frames = chunk.first_chunk().map_or(0, |frames| u32::from_be_bytes(*frames));
                found.animated = frames > 1;
            }
            (b"IDAT", _) => pixels = true,
            (b"IEND", Some(found)) if pixels => return Ok(*found),
            (b"IEND", _) => return Err("it has no data"),
            _ => {}
        }
    }
}
