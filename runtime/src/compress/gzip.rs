//! What stands around the deflated bytes of a gzip member: RFC 1952, section 2.3.

use flate2::Crc;

const HEADER_CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
/// A flag that nobody knows may stand for a field that nobody would skip.
const UNKNOWN: u8 = 0b1110_0000;
/// Ten bytes stand before everything else, and a checksum and a length behind.
const FIXED: usize = 10;
const TAIL: usize = 8;

/// How long the header is, behind which the deflated bytes begin.
pub(super) fn head(bytes: &[u8]) -> Option<usize> {
    let [0x1F, 0x8B, 8, flags, _, _, _, _, _, _, ..] = bytes else { return None };
    if flags & UNKNOWN != 0 {
        return None;
    }
    let mut at = FIXED;
    if flags & EXTRA != 0 {
        at += 2 + usize::from(number(bytes, at)?);
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            at += bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1;
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        let said = number(bytes, at)?;
        if checksum(bytes.get(..at)?) & 0xFFFF != u32::from(said) {
            return None;
        }
        at += 2;
    }
    (at <= bytes.len()).then_some(at)
}

/// What follows the member, if these bytes begin with the tail of one that stands for `raw`.
pub(super) fn after_tail<'a>(bytes: &'a [u8], raw: &[u8]) -> Option<&'a [u8]> {
    let ([a, b, c, d, len @ ..], rest) = bytes.split_first_chunk::<TAIL>()?;
    let is_whole = u32::from_le_bytes([*a, *b, *c, *d]) == checksum(raw);
    // The length is told modulo 2^32.
    let is_long = u64::from(u32::from_le_bytes(*len)) == raw.len() as u64 & u64::from(u32::MAX);
    (is_whole && is_long).then_some(rest)
}

/// How long the last member says that it is: to be believed as a guess.
pub(super) fn said_length(bytes: &[u8]) -> usize {
    let said = bytes.last_chunk().map_or(0, |len| u32::from_le_bytes(*len));
    usize::try_from(said).unwrap_or(usize::MAX)
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_long_as_its_flags_say() {
        let plain = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 99];
        assert_eq!(head(&plain), Some(10));
        let with = |flags: u8, fields: &[u8]| {
            let mut bytes = plain[..10].to_vec();
            bytes[3] = flags;
            bytes.extend_from_slice(fields);
            bytes
        };
        assert_eq!(head(&with(EXTRA, &[3, 0, 7, 7, 7])), Some(15));
        assert_eq!(head(&with(NAME | COMMENT, b"a.txt\0what\0")), Some(21));
        let mut checked = with(HEADER_CHECKSUM | NAME, b"a\0");
        let sum = checksum(&checked).to_le_bytes();
        checked.extend_from_slice(&sum[..2]);
        assert_eq!(head(&checked), Some(14));
        checked[4] ^= 1;
        assert_eq!(head(&checked), None, "its checksum is another one");
    }

    #[test]
    fn a_header_that_is_cut_or_unknown_is_none() {
        let mut bytes = vec![0x1F, 0x8B, 8, EXTRA | NAME | COMMENT, 0, 0, 0, 0, 0, 3];
        bytes.extend_from_slice(b"\x02\x00xxname\0comment\0");
        assert_eq!(head(&bytes), Some(bytes.len()));
        assert!((0..bytes.len()).all(|len| head(&bytes[..len]).is_none()));
        bytes[3] |= 0x20;
        assert_eq!(head(&bytes), None);
    }
}
