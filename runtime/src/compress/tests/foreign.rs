//! Streams that others have written, one behind the other.

use super::*;

const ONE: &str = "what was invalidated stays invalidated; ";
const TWO: &str = "on every node, whatever fails. ";

/// Python's `gzip`: with a file's name and without.
const GZIP: &[u8] =
    b"\x1f\x8b\x08\x08\x01\x00\x00\x00\x02\xffone.txt\x00+\xcfH,Q(O,V\xc8\xcc+K\xcc\xc9LI,IMQ(.I\xacD\x11\xb1V(\
    \xa7\xb2:\x00\xa7A\x9f\xedx\x00\x00\x00\x1f\x8b\x08\x00\x01\x00\x00\x00\x02\xff\xcb\xcfSH-K-\xaaT\xc8\xcb\
    OI\xd5Q(\xcfH,\x01\xf1\x15\xd2\x123s\x8a\xf5\x14\xf2)\x92\x06\x00O\x98\xdb\x14]\x00\x00\x00";
/// `zstd` of a pipe, which does not know how much will come: with a checksum and without.
#[cfg(feature = "zstd")]
const ZSTD: &[u8] =
    b"(\xb5/\xfd\x04X-\x01\x00\xd8what was invalidated stay; \x02\x00\xbd\x14\x8a\xabc\x8e\x01\xf1C\xbbc(\xb5/\
    \xfd\x00h5\x01\x00\xf8on every node, whatever fails. \x01\x00OH\xca\x09";
/// `zstd` of a file.
#[cfg(feature = "zstd")]
const SIZED: &[u8] = b"(\xb5/\xfd$x-\x01\x00\xd8what was invalidated stay; \x02\x00\xbd\x14\x8a\xabc\x8e\x01\xf1C\xbbc";
/// `lz4`: with checksums, and with blocks that refer to each other.
#[cfg(feature = "lz4")]
const LZ4: &[u8] =
    b"\x04\x22M\x18d@\xa7)\x00\x00\x00\xf9\x0awhat was invalidated stay\x12\x00/; (\x008Pted; \x00\x00\x00\x00\
    \x93\xb5\x0e\x93\x04\x22M\x18d@\xa7)\x00\x00\x00\xf0\x04on every node, what\x10\x00\x8f fails. \x1f\x00&P\
    ils. \x00\x00\x00\x00$(\xfeW";

fn both() -> String {
    ONE.repeat(3) + &TWO.repeat(3)
}

/// Each with what it stands for.
fn several() -> Vec<(Compression, Vec<u8>, String)> {
    vec![
        (Compression::Gzip, GZIP.to_vec(), both()),
        #[cfg(feature = "zstd")]
        (Compression::Zstd, ZSTD.to_vec(), both()),
        #[cfg(feature = "zstd")]
        (Compression::Zstd, SIZED.repeat(2), ONE.repeat(6)),
        #[cfg(feature = "zstd")]
        (Compression::Zstd, [SIZED, ZSTD].concat(), ONE.repeat(3) + &both()),
        #[cfg(feature = "lz4")]
        (Compression::Lz4, LZ4.to_vec(), both()),
    ]
}

/// In one call and piece by piece, which agree.
fn opened(packer: &Packer, method: Compression, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let end = packer.reader(method, bytes).expect("a reader").read_to_end(&mut read);
    let whole = packer.decompress(method, bytes);
    assert_eq!(whole.is_ok(), end.is_ok(), "{method}: {whole:?} {end:?}");
    whole.inspect(|whole| assert!(*whole == read, "{method}")).ok()
}

#[test]
fn streams_one_behind_the_other_are_one_body() {
    for (method, bytes, said) in several() {
        assert_eq!(opened(&fixed(method), method, &bytes).as_deref(), Some(said.as_bytes()), "{method}");
        let many = bytes.repeat(40);
        assert_eq!(opened(&fixed(method), method, &many), Some(said.repeat(40).into_bytes()), "{method}");
    }
    // Our own, too, and empty ones between them.
    for method in ALL.iter().filter(|method| !matches!(method, Compression::None | Compression::Zlib)) {
        let packer = fixed(*method);
        let empty = packer.writer(Vec::new()).and_then(|writer| writer.finish().map_err(|_| whole::broken(*method)));
        let own = packer.compress(&text(5_000)).into_bytes().into_owned();
        let bytes = [&own[..], &empty.expect("an end"), &own].concat();
        assert_eq!(opened(&packer, *method, &bytes), Some(text(5_000).repeat(2)), "{method}");
    }
}

#[test]
fn behind_a_zlib_stream_nothing_follows() {
    let packer = fixed(Compression::Zlib);
    let own = packer.compress(&text(5_000)).into_bytes().into_owned();
    assert_eq!(opened(&packer, Compression::Zlib, &own.repeat(2)), None);
    assert_eq!(opened(&packer, Compression::Zlib, &own), Some(text(5_000)));
}

#[test]
fn the_last_of_several_has_to_be_whole() {
    for (method, bytes, said) in several() {
        let packer = fixed(method);
        for len in 1..bytes.len() {
            let whole = opened(&packer, method, &bytes[..len]);
            // Where the first ends, a body ends.
            assert!(whole.as_ref().is_none_or(|whole| said.as_bytes().starts_with(whole)), "{method} cut to {len}");
            assert!(whole.is_none_or(|whole| whole.len() % 3 == 0), "{method} cut to {len}");
        }
        for tail in [&b"!"[..], b"something", &[0; 16], &bytes[..5]] {
            assert_eq!(opened(&packer, method, &[&bytes, tail].concat()), None, "{method} followed by {tail:?}");
        }
    }
}

#[test]
fn the_limit_is_for_all_of_them_together() {
    for (method, bytes, said) in several() {
        let limited = |most: usize| packer(Profile::new("limited").max_output(most));
        assert!(opened(&limited(said.len()), method, &bytes).is_some(), "{method}: to the byte");
        assert_eq!(opened(&limited(said.len() - 1), method, &bytes), None, "{method}");
        let error = limited(said.len() - 1).decompress(method, &bytes).expect_err("one too many");
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{method}");
    }
}

#[test]
fn a_gzip_member_is_what_its_checksum_and_its_length_say() {
    let packer = fixed(Compression::Gzip);
    for from_the_end in 1..=8 {
        let mut bytes = GZIP.to_vec();
        let at = bytes.len() - from_the_end;
        bytes[at] ^= 1;
        assert_eq!(opened(&packer, Compression::Gzip, &bytes), None);
        let whole = Compression::Gzip.compress(&text(3_000), None).expect("smaller");
        let mut changed = whole.clone();
        changed[whole.len() - from_the_end] ^= 1;
        assert!(Compression::Gzip.decompress(&whole, 3_000, 3_000).is_ok());
        assert!(Compression::Gzip.decompress(&changed, 3_000, 3_000).is_err());
    }
}
