//! The head of a Windows bitmap (`BITMAPFILEHEADER`, `BITMAPCOREHEADER`, `BITMAPINFOHEADER` and later). Its pixels are
//! not walked: a decoder that reads past the end says so.

use super::walk::{Found, Walk, Walked};

pub(super) fn walk(bytes: &[u8]) -> Found<Walked> {
    let mut walk = Walk::from(bytes, 14)?;
    let (width, height) = match u32::from_le_bytes(walk.array()?) {
        12 => {
            let [w0, w1, h0, h1] = walk.array()?;
            (u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into())
        }
        16.. => {
            let width = i32::from_le_bytes(walk.array()?);
            // Below 0: the first row is the uppermost.
            let height = i32::from_le_bytes(walk.array()?);
            (u32::try_from(width).map_err(|_| "its width is below 0")?, height.unsigned_abs())
        }
        _ => return Err("a head of no known length"),
    };
    Ok(Walked { width, height, animated: false })
}
