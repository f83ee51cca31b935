//! Bytes that were compressed before, by how they begin: to try again would cost time for nothing.

/// Archives and streams, pictures, sound and film, fonts. Words that a text may begin with are not enough.
pub(super) fn is_dense(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x1F, 0x8B, 8, ..]
            | [0x28, 0xB5, 0x2F, 0xFD, ..]
            | [0x04, 0x22, 0x4D, 0x18, ..]
            | [b'P', b'K', 3, 4, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..]
            | [0xFD, b'7', b'z', b'X', b'Z', 0, ..]
            | [b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C, ..]
            | [0xFF, 0xD8, 0xFF, ..]
            | [0x89, b'P', b'N', b'G', ..]
            | [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..]
            | [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..]
            | [0, _, _, _, b'f', b't', b'y', b'p', ..]
            | [b'O', b'g', b'g', b'S', 0, ..]
            | [b'f', b'L', b'a', b'C', 0 | 0x80, ..]
            | [b'I', b'D', b'3', 2..=4, ..]
            | [0x1A, 0x45, 0xDF, 0xA3, ..]
            | [b'w', b'O', b'F', b'2', 0 | b'O' | b't', ..]
    )
}

/// What stands before the bytes of a value is no longer than this: some numbers, and their length.
const HEAD: usize = 16;

/// Does a payload end in bytes that were compressed before, and hold little else?
///
/// A value is known by its bytes, and its payload begins with what the format puts before them: their length, which in
/// postcard stands as groups of seven bits, and the fields that come first. In the named formats bytes do not stand as they
/// are.
pub(super) fn holds_dense(payload: &[u8]) -> bool {
    (1..=HEAD).any(|at| {
        payload.split_at_checked(at).is_some_and(|(head, bytes)| is_dense(bytes) && ends_with_length(head, bytes.len()))
    })
}

fn ends_with_length(head: &[u8], mut len: usize) -> bool {
    let (mut said, mut digits) = ([0_u8; 10], 0);
    loop {
        let more = len > 0x7F;
        said[digits] = (len & 0x7F) as u8 | if more { 0x80 } else { 0 };
        digits += 1;
        len >>= 7;
        if !more {
            return head.ends_with(&said[..digits]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

    #[test]
    fn a_text_is_not_dense_by_its_first_word() {
        for text in [
            "ID3 tags say who plays",
            "BZh is how bzip2 begins",
            "OggS",
            "{\"giftype\":1}",
            "12345678WEBP",
            "GIF8 bits",
        ] {
            assert!(!is_dense(text.as_bytes()), "{text}");
        }
        for dense in [PNG, b"\0\0\0\x18ftypmp42", b"RIFF\0\0\0\0WEBPVP8 ", b"BZh91AY&SY", b"ID3\x04\0"] {
            assert!(is_dense(dense), "{dense:?}");
        }
    }

    #[test]
    fn a_payload_is_looked_at_behind_its_length() {
        let picture = [PNG, &[7; 5_000]].concat();
        let of_bytes = postcard::to_stdvec(&picture).expect("written");
        let of_struct = postcard::to_stdvec(&(640_u32, 480_u32, &picture)).expect("written");
        assert!(holds_dense(&of_bytes) && holds_dense(&of_struct));
        let short = postcard::to_stdvec(&PNG.to_vec()).expect("written");
        assert!(holds_dense(&short));
        // A small picture before a long text is no reason to leave the text as it is.
        let beside = postcard::to_stdvec(&(PNG.to_vec(), "text ".repeat(1_000))).expect("written");
        assert!(!holds_dense(&beside));
        assert!(!holds_dense(&postcard::to_stdvec(&"some text".repeat(100)).expect("written")));
        assert!(!holds_dense(&[]) && !holds_dense(PNG), "no value begins so");
    }
}
