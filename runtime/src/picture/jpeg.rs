//! The segments of a JPEG (ITU-T T.81, annex B).

use super::walk::{CUT, Found, Walk, Walked};

const SCAN: u8 = 0xda;
const END: u8 = 0xd9;

pub(super) fn walk(bytes: &[u8]) -> Found<Walked> {
    let mut walk = Walk::from(bytes, 2)?;
    let mut found = None;
    loop {
        match marker(&mut walk)? {
            END => return found.ok_or("it has no frame"),
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => {}
            marker => {
                let length = usize::from(u16::from_be_bytes(walk.array()?));
                let segment = walk.take(length.checked_sub(2).ok_or("a segment has no length")?)?;
                // A frame: all of this row but tables of Huffman codes, an extension, and conditions of arithmetic
                // codes.
                if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
                    let &[_, h1, h0, w1, w0, ..] = segment else { return Err(CUT) };
                    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                    found = Some(Walked { width: width.into(), height: height.into(), animated: false });
                }
                if marker == SCAN {
                    if found.is_none() {
                        return Err("its pixels come before its size");
                    }
                    entropy(&mut walk)?;
                }
            }
        }
    }
}

/// The next marker, past what fills the room before it.
fn marker(walk: &mut Walk<'_>) -> Found<u8> {
    // Some cameras write what belongs to no segment; decoders look for the next marker, too.
    while walk.byte()? != 0xff {}
    loop {
        let byte = walk.byte()?;
        if byte != 0xff {
            return Ok(byte);
        }
    }
}

/// To the marker after the pixels of a scan: in them, 0xff is followed by 0, or starts a count.
fn entropy(walk: &mut Walk<'_>) -> Found<()> {
    loop {
        let at = walk.rest.iter().position(|&byte| byte == 0xff).ok_or(CUT)?;
        match walk.rest.get(at + 1).ok_or(CUT)? {
            0 | 0xd0..=0xd7 => walk.take(at + 2)?,
            0xff => walk.take(at + 1)?,
            _ => {
                walk.take(at)?;
                return Ok(());
            }
        };
    }
}
