//! A value comes back as it was, or not at all.

#![allow(clippy::needless_pass_by_value)]

mod bombs;
mod hostile;
mod round_trip;
mod schema;
mod weight;

use std::collections::BTreeMap;
use std::sync::Arc;

use cached_runtime::codec::{Codec, Compression, Encoded, Format, Frame, Head, Schema};
use cached_runtime::error::Result;
use cached_runtime::group::Position;
use cached_runtime::key::Key;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const FORMATS: [Format; 3] = [Format::Postcard, Format::Msgpack, Format::Json];
const COMPRESSIONS: [Compression; 4] = [Compression::None, Compression::Zlib, Compression::Zstd, Compression::Lz4];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Video {
    id: u64,
    title: String,
    length: Option<f64>,
    kind: Kind,
    tags: Vec<String>,
    by_second: BTreeMap<u32, (i16, char)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Live,
    Clip(u8),
    Pair(i64, bool),
    Film { year: i32, chapters: Vec<Option<u8>> },
}

fn video() -> Video {
    Video {
        id: 7,
        title: "intro".repeat(300),
        length: Some(12.5),
        kind: Kind::Film { year: -3, chapters: vec![Some(1), None] },
        tags: vec!["a".into(), "ü".into()],
        by_second: BTreeMap::from([(0, (-1, 'x')), (9, (300, '→'))]),
    }
}

fn codec(format: Format, compression: Compression) -> Codec {
    Codec { format, compression, threshold: 0, ..Codec::default() }
}

fn seal(encoded: &Encoded) -> Frame {
    let head = Head {
        fingerprint: 1,
        birth: Position { epoch: 2, number: 3 },
        shared: Position { epoch: 4, number: 5 },
        born: 4,
        fresh_until: 5,
        stale_until: 6,
        key: Key::from_stored("video:intro"),
        tags: Arc::from([Arc::from("t")]),
        format: encoded.format,
        compression: encoded.compression,
        raw_len: encoded.raw_len,
    };
    Frame::seal(head, &encoded.payload).unwrap()
}

/// Through a stored frame and back.
fn carried<T: Serialize + DeserializeOwned>(codec: &Codec, value: &T) -> Result<T> {
    let encoded = codec.encode(value, &Schema::of::<T>())?;
    let frame = Frame::read(seal(&encoded).bytes().clone())?;
    codec.decode(frame.head(), frame.payload())
}

/// Decodes these bytes as the payload of a head that announces `raw_len`.
fn decode_raw<T: DeserializeOwned>(
    codec: &Codec,
    format: u8,
    compression: u8,
    raw_len: u32,
    payload: &[u8],
) -> Result<T> {
    let frame = seal(&Encoded { format, compression, raw_len, payload: payload.to_vec() });
    codec.decode(frame.head(), frame.payload())
}
