use bytes::Bytes;
use cached_runtime::codec::{Codec, Compression, Format, Frame, Schema};
use cached_runtime::error::ErrorKind;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{COMPRESSIONS, FORMATS, Video, carried, codec, decode_raw, seal, video};

fn read(codec: &Codec, bytes: Vec<u8>) -> Option<Video> {
    let frame = Frame::read(Bytes::from(bytes)).ok()?;
    codec.decode(frame.head(), frame.payload()).ok()
}

#[test]
fn a_flipped_byte_is_never_a_value() {
    for (format, compression) in FORMATS.into_iter().zip([Compression::None, Compression::Zstd, Compression::Zlib]) {
        let codec = codec(format, compression);
        let whole = seal(&codec.encode(&video(), &Schema::of::<Video>()).unwrap()).bytes().to_vec();
        assert_eq!(read(&codec, whole.clone()), Some(video()));
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                assert_eq!(read(&codec, bytes), None, "{format}, byte {at}");
            }
        }
    }
}

#[test]
fn a_frame_cut_anywhere_is_never_a_value() {
    for format in FORMATS {
        let codec = codec(format, Compression::None);
        let whole = seal(&codec.encode(&video(), &Schema::of::<Video>()).unwrap()).bytes().to_vec();
        for len in 0..whole.len() {
            assert_eq!(read(&codec, whole[..len].to_vec()), None, "{format}, {len} bytes");
        }
    }
}

#[test]
fn a_payload_cut_anywhere_is_refused_even_under_a_good_checksum() {
    for format in FORMATS {
        for compression in COMPRESSIONS {
            let codec = codec(format, compression);
            let whole = codec.encode(&video(), &Schema::of::<Video>()).unwrap();
            for len in 0..whole.payload.len() {
                let cut = &whole.payload[..len];
                let as_before = decode_raw::<Video>(&codec, whole.format, whole.compression, whole.raw_len, cut);
                let shorter = u32::try_from(len).unwrap();
                let as_shorter = decode_raw::<Video>(&codec, whole.format, whole.compression, shorter, cut);
                // A cut that only loses what is no part of the value may still be one; it must be the right one.
                assert!(as_before.is_err() || as_before.is_ok_and(|v| v == video()), "{format} {compression} {len}");
                assert!(as_shorter.is_err(), "{format} {compression} {len}");
            }
        }
    }
}

#[test]
fn bytes_left_over_are_refused() {
    for format in FORMATS {
        let codec = codec(format, Compression::None);
        let whole = codec.encode(&video(), &Schema::of::<Video>()).unwrap();
        let mut longer = whole.payload.clone();
        longer.push(0);
        let refused = decode_raw::<Video>(&codec, whole.format, 0, whole.raw_len + 1, &longer).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Codec, "{format}");
        let refused = decode_raw::<Video>(&codec, whole.format, 0, whole.raw_len, &longer).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Frame, "{format}");
    }
}

/// One level for each byte without names, none at all with them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Expr {
    Neg(Box<Expr>),
    Not { of: Box<Expr> },
    Num(u8),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Comment {
    replies: Vec<Comment>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Leaf(u8),
    List(Vec<Loose>),
}

fn attack<T: DeserializeOwned>(payload: &[u8]) {
    let codec = Codec { max_value: 10 << 20, ..Codec::default() };
    let len = u32::try_from(payload.len()).unwrap();
    for format in FORMATS {
        let _ = decode_raw::<T>(&codec, format.number(), 0, len, payload);
    }
}

#[test]
fn deep_nesting_is_an_error_and_never_the_end_of_the_process() {
    for byte in [0, 1, 0x81, 0x91, 0xc0, b'[', b'{', b'"', 0xc7, 0xd4] {
        let payload = vec![byte; 1 << 20];
        attack::<Chain>(&payload);
        attack::<Expr>(&payload);
        attack::<Comment>(&payload);
        attack::<Loose>(&payload);
        attack::<serde_json::Value>(&payload);
        attack::<Vec<serde::de::IgnoredAny>>(&payload);
    }
    for text in [r#"{"Neg":"#, r#"{"replies":["#, r#"{"Not":{"of":"#, "\u{81}\u{a3}Neg"] {
        let payload = text.repeat(50_000);
        attack::<Expr>(payload.as_bytes());
        attack::<Comment>(payload.as_bytes());
    }
    let msgpack_neg: Vec<u8> = [0x81, 0xa3, b'N', b'e', b'g'].repeat(200_000);
    attack::<Expr>(&msgpack_neg);
    let msgpack_replies: Vec<u8> = [&[0x81, 0xa7][..], b"replies", &[0x91]].concat().repeat(100_000);
    attack::<Comment>(&msgpack_replies);
}

fn thread_of(depth: usize) -> Comment {
    (0..depth).fold(Comment { replies: vec![] }, |inner, _| Comment { replies: vec![inner] })
}

fn negations_of(depth: usize) -> Expr {
    (0..depth).fold(Expr::Num(1), |of, n| {
        let of = Box::new(of);
        if n % 2 == 0 { Expr::Neg(of) } else { Expr::Not { of } }
    })
}

#[test]
fn what_is_encoded_nests_no_deeper_than_can_be_decoded() {
    for format in FORMATS {
        let codec = codec(format, Compression::None);
        let mut deepest = 0;
        for depth in 0..200 {
            match carried(&codec, &thread_of(depth)) {
                Ok(back) => {
                    assert_eq!(back, thread_of(depth));
                    deepest = depth;
                }
                Err(refused) => {
                    assert_eq!(refused.kind(), ErrorKind::Codec);
                    assert!(codec.encode(&thread_of(depth), &Schema::of::<Comment>()).is_err(), "{format} {depth}");
                }
            }
            let schema = Schema::of::<Expr>();
            if codec.encode(&negations_of(depth), &schema).is_ok() {
                assert_eq!(carried(&codec, &negations_of(depth)).unwrap(), negations_of(depth), "{format} {depth}");
            }
        }
        assert!(deepest >= 50, "{format} goes down to {deepest}");
    }
    assert!(Codec::default().encode(&thread_of(5000), &Schema::of::<Comment>()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(payload in prop::collection::vec(any::<u8>(), 0..300), announced in 0_u32..2000) {
        let codec = Codec::default();
        for format in 0..5 {
            for compression in 0..5 {
                let len = u32::try_from(payload.len()).unwrap();
                for raw_len in [len, announced] {
                    let _ = decode_raw::<Video>(&codec, format, compression, raw_len, &payload);
                    let _ = decode_raw::<Expr>(&codec, format, compression, raw_len, &payload);
                    let _ = decode_raw::<Chain>(&codec, format, compression, raw_len, &payload);
                    let _ = decode_raw::<serde_json::Value>(&codec, format, compression, raw_len, &payload);
                }
            }
        }
    }
}

#[test]
fn an_unknown_format_or_compression_is_a_frame_error() {
    let codec = Codec::default();
    for (format, compression) in [(0, 0), (4, 0), (255, 0), (1, 4), (1, 255)] {
        let refused = decode_raw::<u8>(&codec, format, compression, 1, &[1]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Frame);
    }
    assert_eq!(decode_raw::<u8>(&codec, Format::Postcard.number(), 0, 1, &[1]).unwrap(), 1);
}

struct Telling;

impl Serialize for Telling {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("hunter2 is not allowed"))
    }
}

#[test]
fn errors_never_quote_the_value() {
    for format in FORMATS {
        let codec = codec(format, Compression::None);
        let told = codec.encode(&"hunter2", &Schema::of::<String>()).unwrap();
        let wrong = decode_raw::<Vec<(u8, bool)>>(&codec, told.format, 0, told.raw_len, &told.payload).unwrap_err();
        let failed = codec.encode(&Telling, &Schema::untraced()).unwrap_err();
        for error in [wrong, failed] {
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
