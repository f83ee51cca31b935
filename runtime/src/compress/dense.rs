//! Bytes that were compressed before, by how they begin: to try again would cost time for nothing.

/// Where it stands, and what: archives and streams, pictures, sound and film, fonts.
const BEGINNINGS: &[(usize, &[u8])] = &[
    (0, &[0x1F, 0x8B]),
    (0, &[0x28, 0xB5, 0x2F, 0xFD]),
    (0, &[0x04, 0x22, 0x4D, 0x18]),
    (0, b"PK\x03\x04"),
    (0, b"BZh"),
    (0, &[0xFD, b'7', b'z', b'X', b'Z', 0]),
    (0, &[b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C]),
    (0, &[0xFF, 0xD8, 0xFF]),
    (0, &[0x89, b'P', b'N', b'G']),
    (0, b"GIF8"),
    (8, b"WEBP"),
    (4, b"ftyp"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"ID3"),
    (0, &[0x1A, 0x45, 0xDF, 0xA3]),
    (0, b"wOF2"),
];

pub(super) fn is_dense(bytes: &[u8]) -> bool {
    BEGINNINGS.iter().any(|(at, text)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(text)))
}
