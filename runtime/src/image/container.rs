//! The chunks of a WebP around its pixels (RFC 9649, §2.7): a colour profile is put among them.

use super::pixels::Pixels;

const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;

/// `RIFF`, its length, `WEBP`.
const HEAD: usize = 12;
/// A chunk's name and length, and the ten bytes of `VP8X`.
const EXTENDED: usize = 18;

/// What libwebp wrote, with this colour profile.
///
/// Costs one copy, and 26 bytes beside the profile.
pub(super) fn with_profile(webp: &[u8], profile: &[u8], pixels: &Pixels) -> Vec<u8> {
    let chunks = webp.get(HEAD..).unwrap_or_default();
    // A picture with lossy colours and alpha has this chunk already: it is written anew.
    let chunks = if chunks.starts_with(b"VP8X") { chunks.get(EXTENDED..).unwrap_or_default() } else { chunks };
    let alpha = if pixels.picture.color().has_alpha() { ALPHA } else { 0 };
    let mut out = Vec::with_capacity(webp.len() + profile.len() + EXTENDED + 9);
    out.extend_from_slice(b"RIFF\0\0\0\0WEBP");
    chunk(
        &mut out,
        *b"VP8X",
        &[
            &[PROFILE | alpha, 0, 0, 0],
            side(pixels.picture.width()).as_slice(),
            side(pixels.picture.height()).as_slice(),
        ],
    );
    chunk(&mut out, *b"ICCP", &[profile]);
    out.extend_from_slice(chunks);
    let length = u32::try_from(out.len() - 8).unwrap_or(u32::MAX);
    out[4..8].copy_from_slice(&length.to_le_bytes());
    out
}

/// A side less one, in three bytes.
fn side(pixels: u32) -> [u8; 3] {
    let [a, b, c, _] = pixels.saturating_sub(1).to_le_bytes();
    [a, b, c]
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&name);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    if length % 2 == 1 {
        out.push(0);
    }
}
