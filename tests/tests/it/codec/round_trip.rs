use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use cached_runtime::codec::{Codec, Compression, Format, Schema};
use cached_runtime::error::ErrorKind;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{COMPRESSIONS, FORMATS, Kind, Video, carried, codec, video};

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Live),
        any::<u8>().prop_map(Kind::Clip),
        (any::<i64>(), any::<bool>()).prop_map(|(a, b)| Kind::Pair(a, b)),
        (any::<i32>(), prop::collection::vec(any::<Option<u8>>(), 0..40))
            .prop_map(|(year, chapters)| Kind::Film { year, chapters }),
    ]
}

fn videos() -> impl Strategy<Value = Video> {
    let number = any::<f64>().prop_filter("equal to itself", |n| !n.is_nan());
    let by_second = prop::collection::btree_map(any::<u32>(), any::<(i16, char)>(), 0..20);
    let tags = prop::collection::vec(".{0,9}", 0..9);
    (any::<u64>(), ".{0,200}", prop::option::of(number), kinds(), tags, by_second)
        .prop_map(|(id, title, length, kind, tags, by_second)| Video { id, title, length, kind, tags, by_second })
}

proptest! {
    #[test]
    fn every_format_through_every_compressor_brings_the_value_back(value in videos()) {
        for format in FORMATS {
            for compression in COMPRESSIONS {
                prop_assert_eq!(&carried(&codec(format, compression), &value).unwrap(), &value);
            }
        }
    }

    #[test]
    fn floats_come_back_to_the_bit(wide in any::<f64>(), narrow in any::<f32>()) {
        for format in FORMATS {
            let (w, n) = carried(&codec(format, Compression::None), &(wide, narrow)).unwrap();
            if !wide.is_nan() {
                prop_assert_eq!(w.to_bits(), wide.to_bits());
            }
            if !narrow.is_nan() {
                prop_assert_eq!(n.to_bits(), narrow.to_bits());
            }
        }
    }

    #[test]
    fn a_payload_is_never_larger_than_the_original(value in prop::collection::vec(any::<u8>(), 0..3000)) {
        for compression in COMPRESSIONS {
            let encoded = codec(Format::Postcard, compression).encode(&value, &Schema::of::<Vec<u8>>()).unwrap();
            prop_assert!(encoded.payload.len() <= encoded.raw_len as usize);
            prop_assert_eq!(encoded.compression == 0, encoded.payload.len() == encoded.raw_len as usize);
        }
    }
}

#[test]
fn the_types_of_the_standard_library_take_the_smallest_format() {
    fn small<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let (codec, schema) = (codec(Format::Postcard, Compression::None), Schema::of::<T>());
        assert!(schema.traced, "{value:?} is traced");
        assert_eq!(codec.encode(&value, &schema).unwrap().format, Format::Postcard.number(), "{value:?}");
        assert!(codec.verify(&value, &schema), "{value:?}");
        assert_eq!(carried(&codec, &value).unwrap(), value);
    }
    small((1_u8, -1_i8, u128::MAX, i128::MIN, 'ü', true, 1.5_f32, f64::MAX));
    small(vec![Some(1_u16), None]);
    small(HashMap::from([("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 3)]));
    small((0..50).collect::<HashSet<u32>>());
    small(BTreeMap::from([((1, 'a'), [1_u8; 4]), ((2, 'b'), [0; 4])]));
    small(IpAddr::from([127, 0, 0, 1]));
    small("[::1]:80".parse::<std::net::SocketAddr>().unwrap());
    small(Duration::from_millis(1500));
    small(SystemTime::UNIX_EPOCH);
    small(Ok::<u8, String>(3));
    small(Box::new(std::sync::Arc::<str>::from("shared")));
    small(std::num::NonZeroU64::MIN);
    small(());
    small(Some(Some(())));
    small(Some(None::<u8>));
    small(std::ops::Bound::Included(3_i32));
    small(std::cell::Cell::new(3));
    small(std::path::PathBuf::from("/a"));
    small([String::new(), "x".into()]);
    small([0_u8; 0]);
    small(video());
}

#[test]
fn a_short_payload_is_left_alone_and_a_long_one_shrinks() {
    let codec = Codec::default();
    let short = codec.encode(&"a".repeat(1000), &Schema::of::<String>()).unwrap();
    assert_eq!(short.compression, Compression::None.number());
    let long = codec.encode(&"a".repeat(2000), &Schema::of::<String>()).unwrap();
    assert_eq!(long.compression, Compression::Zstd.number());
    assert!(long.payload.len() < 100);
}

#[test]
fn levels_out_of_range_mean_the_nearest() {
    for compression in COMPRESSIONS {
        for level in [i32::MIN, -1, 0, 9, i32::MAX] {
            let codec = Codec { level: Some(level), ..codec(Format::Postcard, compression) };
            assert_eq!(carried(&codec, &video()).unwrap(), video(), "{compression} at {level}");
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    a: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    b: Vec<u8>,
    c: u8,
}

#[test]
fn skipped_fields_come_back_right() {
    let codec = codec(Format::Postcard, Compression::None);
    for (value, format) in [
        (Sparse { a: Some(1), b: vec![2], c: 3 }, Format::Postcard),
        (Sparse { a: None, b: vec![2], c: 3 }, Format::Msgpack),
        (Sparse { a: Some(1), b: vec![], c: 3 }, Format::Msgpack),
        (Sparse { a: None, b: vec![], c: 3 }, Format::Msgpack),
    ] {
        let encoded = codec.encode(&value, &Schema::of::<Sparse>()).unwrap();
        assert_eq!(encoded.format, format.number(), "{value:?}");
        assert_eq!(carried(&codec, &value).unwrap(), value);
        let nested = vec![Some((value.clone(), 1_u8)), None, Some((value, 2))];
        assert_eq!(carried(&codec, &nested).unwrap(), nested);
    }
}

/// Writes one field, reads two: without names the list's length would be read as `a`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct HalfWritten {
    #[serde(skip_serializing, default)]
    a: u8,
    b: Vec<u8>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum HalfRead {
    A,
    #[serde(skip_deserializing)]
    #[allow(dead_code)]
    B,
    C,
    D,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Renamed {
    #[serde(alias = "old", alias = "older")]
    new: u8,
    last: String,
}

#[test]
fn types_whose_halves_disagree_are_not_read_by_position() {
    let codec = codec(Format::Postcard, Compression::None);
    let value = HalfWritten { a: 0, b: vec![2, 7] };
    assert!(Schema::of::<HalfWritten>().traced);
    assert_eq!(carried(&codec, &value).unwrap(), value);
    for value in [HalfRead::A, HalfRead::C, HalfRead::D] {
        assert_eq!(carried(&codec, &value).unwrap(), value);
    }
    assert!(carried(&codec, &HalfRead::B).is_err());
}

#[test]
fn aliases_do_not_stand_in_the_way() {
    let codec = codec(Format::Postcard, Compression::None);
    let value = Renamed { new: 1, last: "x".into() };
    assert_eq!(codec.encode(&value, &Schema::of::<Renamed>()).unwrap().format, Format::Postcard.number());
    assert_eq!(carried(&codec, &value).unwrap(), value);
}

/// Loses half of what it is given.
#[derive(Debug, PartialEq, Deserialize)]
struct Lossy(#[serde(deserialize_with = "halved")] u32);

fn halved<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    u32::deserialize(from).map(|n| n / 2)
}

impl Serialize for Lossy {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_newtype_struct("Lossy", &self.0)
    }
}

#[test]
fn verify_finds_a_type_that_does_not_come_back() {
    let codec = codec(Format::Postcard, Compression::None);
    assert!(!codec.verify(&Lossy(10), &Schema::of::<Lossy>()));
    assert!(codec.verify(&Lossy(0), &Schema::of::<Lossy>()));
    assert!(codec.verify(&video(), &Schema::of::<Video>()));
}

#[test]
fn a_nothing_inside_some_is_never_confused_with_nothing() {
    let value = vec![Some(None), None, Some(Some(1_u8))];
    for format in FORMATS {
        assert_eq!(carried(&codec(format, Compression::None), &value).unwrap(), value, "{format}");
    }
    let refused = codec(Format::Msgpack, Compression::None).encode(&value, &Schema::untraced()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Codec);
}

#[test]
fn numbers_json_has_no_word_for_take_another_format() {
    let codec = codec(Format::Json, Compression::None);
    assert_eq!(codec.encode(&Some(1.0), &Schema::of::<Option<f64>>()).unwrap().format, Format::Json.number());
    assert_eq!(carried(&codec, &Some(f64::INFINITY)).unwrap(), Some(f64::INFINITY));
    assert!(carried(&codec, &Some(f64::NAN)).unwrap().is_some_and(f64::is_nan));
}

#[test]
fn words_and_numbers_name_one_format_and_one_compressor() {
    for format in FORMATS {
        assert_eq!(format.word().parse::<Format>().unwrap(), format);
        assert_eq!(Format::from_number(format.number()).unwrap(), format);
    }
    for compression in COMPRESSIONS {
        assert_eq!(compression.word().parse::<Compression>().unwrap(), compression);
        assert_eq!(Compression::from_number(compression.number()).unwrap(), compression);
    }
    assert_eq!(Format::from_number(0).unwrap_err().kind(), ErrorKind::Frame);
    assert_eq!(Compression::from_number(9).unwrap_err().kind(), ErrorKind::Frame);
    let refused = "bincode".parse::<Format>().unwrap_err();
    assert_eq!((refused.kind(), refused.context("setting")), (ErrorKind::Config, Some("format")));
    assert!(refused.to_string().contains("`postcard`, `msgpack`, `json`"));
    assert_eq!("brotli".parse::<Compression>().unwrap_err().context("setting"), Some("compression"));
}
