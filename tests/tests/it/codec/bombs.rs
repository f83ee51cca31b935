use cached_runtime::codec::{Codec, Compression, Format, Schema};
use cached_runtime::error::ErrorKind;
use serde::{Serialize, Serializer};

use super::{COMPRESSIONS, codec, decode_raw};

const REAL: [Compression; 3] = [Compression::Zlib, Compression::Zstd, Compression::Lz4];
const LIMIT: usize = 100_000;

#[test]
fn a_lying_length_is_an_error_both_ways() {
    let raw = b"abcabcabd".repeat(1000);
    for compression in REAL {
        let small = compression.compress(&raw, None).unwrap();
        assert_eq!(compression.decompress(&small, raw.len(), LIMIT).unwrap(), raw);
        for lie in [0, 1, raw.len() - 1, raw.len() + 1, raw.len() * 2, LIMIT] {
            let refused = compression.decompress(&small, lie, LIMIT).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Frame, "{compression} announced as {lie}");
        }
    }
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    // Zeros, a thousand to one where the compressor can.
    let huge = vec![0_u8; 64 << 20];
    for compression in REAL {
        let bomb = compression.compress(&huge, None).unwrap();
        let ratio = if compression == Compression::Lz4 { 200 } else { 1000 };
        assert!(huge.len() / bomb.len() >= ratio, "{compression}");
        let honest = compression.decompress(&bomb, huge.len(), LIMIT).unwrap_err();
        assert_eq!(honest.kind(), ErrorKind::TooLarge);
        let lying = compression.decompress(&bomb, LIMIT, LIMIT).unwrap_err();
        assert_eq!(lying.kind(), ErrorKind::Frame);
        let announced = u32::try_from(huge.len()).unwrap();
        let codec = Codec { max_value: LIMIT, ..Codec::default() };
        let number = compression.number();
        let refused = decode_raw::<Vec<u8>>(&codec, Format::Postcard.number(), number, announced, &bomb).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert!(decode_raw::<Vec<u8>>(&codec, Format::Postcard.number(), number, 50_000, &bomb).is_err());
    }
}

#[test]
fn output_is_never_longer_than_announced() {
    let raw = b"abcabcabd".repeat(1000);
    for compression in COMPRESSIONS {
        let bytes = compression.compress(&raw, None).unwrap_or_else(|| raw.clone());
        for cut in 0..bytes.len() {
            if let Ok(out) = compression.decompress(&bytes[..cut], raw.len(), LIMIT) {
                assert_eq!(out, raw, "{compression} cut at {cut}");
            }
        }
        for at in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[at] ^= 0x55;
            if let Ok(out) = compression.decompress(&bent, raw.len(), LIMIT) {
                assert_eq!(out.len(), raw.len());
            }
        }
    }
}

#[test]
fn bytes_after_the_stream_are_refused() {
    let raw = b"abcabcabd".repeat(1000);
    for compression in REAL {
        let mut bytes = compression.compress(&raw, None).unwrap();
        bytes.push(7);
        assert!(compression.decompress(&bytes, raw.len(), LIMIT).is_err(), "{compression}");
    }
}

#[test]
fn a_context_survives_a_broken_stream() {
    let raw = b"abcabcabd".repeat(1000);
    for compression in REAL {
        let small = compression.compress(&raw, None).unwrap();
        for _ in 0..3 {
            assert!(compression.decompress(&small[..small.len() / 2], raw.len(), LIMIT).is_err());
            assert!(compression.decompress(b"nonsense", raw.len(), LIMIT).is_err());
            assert_eq!(compression.decompress(&small, raw.len(), LIMIT).unwrap(), raw);
            assert!(compression.compress(&[1, 2, 3], None).is_none());
            assert_eq!(compression.compress(&raw, None).unwrap(), small);
        }
    }
}

/// Would be a list of two to the sixtieth items, and says how far it was walked.
struct Endless<'a>(&'a std::cell::Cell<usize>);

impl Serialize for Endless<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let items = (0..1_u64 << 60).inspect(|_| self.0.set(self.0.get() + 1));
        to.collect_seq(items)
    }
}

/// Text that is only made while it is written.
struct Unfolding;

impl Serialize for Unfolding {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:>60000}", "x"))
    }
}

#[test]
fn a_value_over_the_limit_is_refused_before_it_is_written() {
    for format in super::FORMATS {
        let codec = Codec { max_value: 10_000, ..codec(format, Compression::None) };
        let walked = std::cell::Cell::new(0);
        let refused = codec.encode(&Endless(&walked), &Schema::of::<Vec<u64>>()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::TooLarge);
        assert!(walked.get() <= 10_001);
        assert_eq!(codec.encode(&Unfolding, &Schema::of::<String>()).unwrap_err().kind(), ErrorKind::TooLarge);
        let schema = Schema::of::<String>();
        assert_eq!(codec.encode(&"x".repeat(10_001), &schema).unwrap_err().kind(), ErrorKind::TooLarge);
        assert!(codec.encode(&"x".repeat(9_990), &schema).is_ok());
    }
}

#[test]
fn a_list_of_nothings_cannot_claim_to_be_endless() {
    let codec = codec(Format::Postcard, Compression::None);
    let length = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let claimed = decode_raw::<Vec<()>>(&codec, Format::Postcard.number(), 0, 9, &length);
    assert_eq!(claimed.unwrap_err().kind(), ErrorKind::Codec);
    for honest in [0, 1000, 100_000] {
        let value = vec![(); honest];
        assert_eq!(super::carried(&codec, &value).unwrap(), value);
    }
}
