//! The blocks of a GIF (GIF89a, appendix B).

use super::walk::{Found, Walk, Walked};

pub(super) fn walk(bytes: &[u8]) -> Found<Walked> {
    let mut walk = Walk::from(bytes, 6)?;
    let [w0, w1, h0, h1, flags, _, _] = walk.array()?;
    let (width, height) = (u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into());
    colours(&mut walk, flags)?;
    let mut frames = 0_u64;
    loop {
        // Without its last byte a GIF is shown by everybody.
        let block = if walk.is_empty() { 0x3b } else { walk.byte()? };
        match block {
            0x21 => {
                walk.byte()?;
                parts(&mut walk)?;
            }
            0x2c => {
                let [.., flags] = walk.array::<9>()?;
                colours(&mut walk, flags)?;
                walk.byte()?;
                parts(&mut walk)?;
                frames += 1;
            }
            // Some fill the room between blocks.
            0x00 => {}
            0x3b if frames == 0 => return Err("it has no frame"),
            0x3b => return Ok(Walked { width, height, animated: frames > 1 }),
            _ => return Err("a block of no known kind"),
        }
    }
}

/// Past a table of colours, if there is one.
fn colours(walk: &mut Walk<'_>, flags: u8) -> Found<()> {
    if flags & 0x80 != 0 {
        walk.take(3 << ((flags & 7) + 1))?;
    }
    Ok(())
}

/// Past the parts of a block: the last has no length.
fn parts(walk: &mut Walk<'_>) -> Found<()> {
    loop {
        match walk.byte()? {
            0 => return Ok(()),
            length => walk.take(length.into())?,
        };
    }
}
