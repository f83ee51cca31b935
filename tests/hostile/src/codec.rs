//! Payloads of every format and compression, decoded as types that lie in wait: nothings, recursion, maps, borrowed text.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use cached_runtime::codec::{Codec, Head, Schema};
use cached_runtime::group::Position;
use cached_runtime::key::Key;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const MAX_VALUE: usize = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Video {
    id: u64,
    title: String,
    length: Option<f64>,
    kind: Kind,
    by_second: BTreeMap<u32, (i16, char)>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    Live,
    Clip(u8),
    Film { year: i32, chapters: Vec<Option<u8>> },
    Again(Box<Kind>),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Leaf(u8),
    Text(String),
    List(Vec<Loose>),
}

/// `format · compression · announced length, as two bytes · payload`
pub(crate) fn run(bytes: &[u8]) {
    let [format, compression, low, high, payload @ ..] = bytes else { return };
    let head = head(*format, *compression, u32::from(*low) | u32::from(*high) << 8);
    decode::<Video>(&head, payload);
    decode::<Vec<()>>(&head, payload);
    decode::<Loose>(&head, payload);
    decode::<serde_json::Value>(&head, payload);
    decode::<BTreeMap<String, Vec<Option<u32>>>>(&head, payload);
    decode::<(String, Vec<u8>, i128)>(&head, payload);
}

/// What decodes is carried from then on: encoded and decoded again it stays what it is.
fn decode<T: Serialize + DeserializeOwned + Debug>(given: &Head, payload: &[u8]) {
    let codec = Codec { max_value: MAX_VALUE, threshold: 16, ..Codec::default() };
    let Ok(value) = codec.decode::<T>(given, payload) else { return };
    let schema = Schema::of::<T>();
    let Ok(encoded) = codec.encode(&value, &schema) else { return };
    assert!(encoded.raw_len as usize <= MAX_VALUE);
    let again = codec.decode::<T>(&head(encoded.format, encoded.compression, encoded.raw_len), &encoded.payload);
    let again = again.expect("what was encoded is decoded");
    assert_eq!(format!("{value:?}"), format!("{again:?}"), "a value came back as another");
}

fn head(format: u8, compression: u8, raw_len: u32) -> Head {
    Head {
        fingerprint: 1,
        birth: Position::NOWHERE,
        shared: Position::NOWHERE,
        born: 0,
        fresh_until: 0,
        stale_until: 0,
        key: Key::from_stored(""),
        tags: Arc::from([]),
        format,
        compression,
        raw_len,
    }
}
