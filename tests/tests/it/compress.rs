//! Compression: whole caches with profiles and dictionaries, what any bytes come back as, and what is saved.

mod bodies;
mod figures;
mod sites;

use cached_runtime::compress::{Compression, Compressor, CompressorBuilder, Packer, Profile};
use proptest::prelude::*;
use serde_json::Value;

const METHODS: [Compression; 5] =
    [Compression::None, Compression::Zlib, Compression::Gzip, Compression::Zstd, Compression::Lz4];

/// A compressor that has one profile for each method, by its word.
fn all() -> Compressor {
    let profiles = METHODS.map(|method| Profile::new(method.word()).method(method).threshold(0).max_output(4 << 20));
    profiles.into_iter().fold(Compressor::builder(), CompressorBuilder::profile).build().unwrap()
}

fn packers(compressor: &Compressor) -> Vec<&Packer> {
    METHODS.iter().map(|method| compressor.profile(method.word()).unwrap()).collect()
}

/// Bytes as they come: without order, with much order, and of a few values.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4_000),
        prop::collection::vec(prop::sample::select(b"ab\0".to_vec()), 0..20_000),
        (any::<[u8; 32]>(), 0_usize..2_000).prop_map(|(part, times)| part.repeat(times)),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |float| float.is_finite()).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 400, 12, |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 0..12).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", value, 0..12).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back_and_never_larger(raw in bytes()) {
        let compressor = all();
        for packer in packers(&compressor) {
            let packed = packer.compress(&raw);
            prop_assert!(packed.bytes().len() <= raw.len());
            prop_assert_eq!(&packer.decompress(packed.method(), packed.bytes()).unwrap(), &raw);
            prop_assert_eq!(&packer.decompress_stored(&packed.to_stored()).unwrap(), &raw);
        }
    }

    #[test]
    fn any_json_comes_back_and_never_larger(value in json()) {
        let compressor = Compressor::builder().profile(Profile::json().threshold(0)).build().unwrap();
        let bytes = compressor.compress_json(&value).unwrap();
        prop_assert!(bytes.len() <= serde_json::to_vec(&value).unwrap().len());
        prop_assert_eq!(compressor.decompress_json::<Value>(&bytes).unwrap(), value);
    }

    #[test]
    fn foreign_bytes_are_an_error_or_a_bounded_answer(raw in bytes(), number in any::<u8>()) {
        let compressor = all();
        for packer in packers(&compressor) {
            for method in METHODS {
                if let Ok(out) = packer.decompress(method, &raw) {
                    prop_assert!(out.len() <= 4 << 20);
                }
            }
            let _ = packer.decompress_stored(&[&[number][..], &raw].concat());
        }
        let _ = compressor.decompress_json::<Value>(&raw);
    }

    #[test]
    fn a_stream_of_gzip_with_one_byte_changed_is_no_other_value_unnoticed(
        raw in prop::collection::vec(prop::sample::select(b"abcd".to_vec()), 2_000..4_000), at in any::<prop::sample::Index>(),
    ) {
        // gzip carries a CRC-32; zstd and LZ4 leave that to who stores them, as a frame does. The Adler-32 of zlib sums up
        // letters and their places, and some changes among few letters leave both sums as they were.
        let compressor = all();
        let packer = compressor.profile(Compression::Gzip.word()).unwrap();
        let mut bytes = packer.compress(&raw).into_bytes().into_owned();
        let at = at.index(bytes.len());
        bytes[at] ^= 0x55;
        if let Ok(out) = packer.decompress(Compression::Gzip, &bytes) {
            prop_assert!(out == raw, "changed at {}", at);
        }
    }
}

/// What comes out is what everybody's tools read: here the crates themselves.
#[test]
fn others_read_what_is_written() {
    use std::io::Read as _;
    let raw = "what was invalidated stays invalidated. ".repeat(500).into_bytes();
    let compressor = all();
    for packer in packers(&compressor) {
        let packed = packer.compress(&raw);
        let mut out = Vec::new();
        match packed.method() {
            Compression::Zlib => flate2::read::ZlibDecoder::new(packed.bytes()).read_to_end(&mut out).unwrap(),
            Compression::Gzip => flate2::read::GzDecoder::new(packed.bytes()).read_to_end(&mut out).unwrap(),
            Compression::Zstd => {
                zstd::stream::read::Decoder::new(packed.bytes()).unwrap().read_to_end(&mut out).unwrap()
            }
            Compression::Lz4 => lz4_flex::frame::FrameDecoder::new(packed.bytes()).read_to_end(&mut out).unwrap(),
            Compression::None => packed.bytes().read_to_end(&mut out).unwrap(),
        };
        assert!(out == raw, "{}", packed.method());
    }
}
