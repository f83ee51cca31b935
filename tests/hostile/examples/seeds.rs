//! Writes the beginnings of the corpora: what each target is given when all is well, and some of what is not.
//!
//! Run again when a layout changes: `cargo run -p hostile --example seeds`. What fuzzing found stays beside it.

#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cached_runtime::Keys;
use cached_runtime::codec::{Codec, Compression, Format, Frame, Head, Schema};
use cached_runtime::error::Result;
use cached_runtime::group::Position;
use cached_runtime::key::Key;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn main() -> Result<()> {
    frames()?;
    sealed()?;
    payloads()?;
    write("key", &texts(KEYS));
    write("pattern", &texts(PATTERNS));
    write("record", &texts(RECORDS));
    write("reply", &texts(REPLIES));
    write("settings", &texts(SETTINGS));
    Ok(())
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn write(target: &str, inputs: &[Vec<u8>]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpora").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    for (n, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("seed-{n:02}")), input).expect("a file");
    }
}

fn head(tags: &[&str]) -> Head {
    Head {
        fingerprint: 1,
        birth: Position { epoch: 2, number: 3 },
        shared: Position { epoch: 4, number: 5 },
        born: 6,
        fresh_until: 7,
        stale_until: 8,
        key: Key::from_stored("video:1"),
        tags: tags.iter().map(|tag| Arc::from(*tag)).collect(),
        format: 1,
        compression: 0,
        raw_len: 3,
    }
}

fn frames() -> Result<()> {
    let tagged = head(&["a", "", "video:1"]);
    let whole = [Frame::seal(head(&[]), b"abc")?, Frame::seal(head(&[]), b"")?, Frame::seal(tagged, b"abc")?];
    let mut inputs: Vec<_> = whole.iter().map(|frame| frame.bytes().to_vec()).collect();
    let key_and_tags = 6 + 8 * 8 + 4;
    for (at, lie) in [(2, 1), (2, 3), (5, 1), (5, 2), (key_and_tags, 0xff), (key_and_tags + 2, 0xff)] {
        let mut bytes = inputs[2].clone();
        bytes[at] = lie;
        inputs.push(bytes);
    }
    inputs.push(b"cf".to_vec());
    write("frame", &inputs);
    Ok(())
}

fn sealed() -> Result<()> {
    let payload = b"what only this node may read";
    let one = Keys::new(1, [7; 32]).seal(head(&["t"]), payload)?;
    let two = Keys::new(2, [8; 32]).seal(head(&[]), payload)?;
    let foreign = Keys::new(1, [9; 32]).seal(head(&[]), payload)?;
    let plain = Frame::seal(head(&[]), payload)?;
    write("sealed", &[one, two, foreign, plain].map(|frame| frame.bytes().to_vec()));
    Ok(())
}

fn payloads() -> Result<()> {
    let mut inputs = Vec::new();
    for format in [Format::Postcard, Format::Msgpack, Format::Json] {
        for compression in [Compression::None, Compression::Zlib, Compression::Zstd, Compression::Lz4] {
            let codec = Codec { format, compression, threshold: 0, ..Codec::default() };
            inputs.push(payload(&codec, &("title".repeat(9), vec![1_u8; 40], -3_i128))?);
        }
        let codec = Codec { format, threshold: 1 << 20, ..Codec::default() };
        inputs.push(payload(&codec, &BTreeMap::from([("a".to_owned(), vec![Some(1_u32), None])]))?);
        inputs.push(payload(&codec, &vec![(); 9])?);
        inputs.push(vec![format.number(), 0, 9, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        inputs.push([&[format.number(), 0, 200, 0][..], &[0x91; 200]].concat());
    }
    for (format, text) in [(3, "[[[[1,\"a\",[2]]]]]"), (3, "{\"a\":[1,null]}"), (3, "1e999"), (3, "\"\\ud800\"")] {
        inputs.push([&[format, 0, text.len() as u8, 0], text.as_bytes()].concat());
    }
    for compression in 1..4 {
        inputs.push([&[1, compression, 0xff, 0xff], &[0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff][..]].concat());
    }
    write("codec", &inputs);
    Ok(())
}

fn payload<T: Serialize + DeserializeOwned>(codec: &Codec, value: &T) -> Result<Vec<u8>> {
    let encoded = codec.encode(value, &Schema::of::<T>())?;
    let length = encoded.raw_len.to_le_bytes();
    Ok([&[encoded.format, encoded.compression, length[0], length[1]], &encoded.payload[..]].concat())
}

const KEYS: &[&str] = &[
    "intro",
    "a\0b",
    "a:b\0a%3Ab",
    "~\0~e",
    "~~e\0",
    "(a,b)\0a,b",
    "*?[]\0\u{7}\n",
    "ä\u{1f600}\0\u{200b}",
    "#0123456789abcdef0123456789abcdef",
    "%\0%25",
    "a#b\0a\u{301}",
];

const PATTERNS: &[&str] = &[
    "video:*\0video:1",
    "*\0",
    "?\0ä",
    "*??c\0äc",
    "*a*a*a*b\0aaaaaaaaaaaaaaaaaaaaaaaa",
    "video:?:*\0video:1:frames",
    "**\0x",
    "a*?*b\0ab",
    "\u{e4}*\0\u{e4}\u{e4}",
    "video:1\0video:10",
    "*:x\0a:x:x",
];

const RECORDS: &[&str] =
    &["k:video:1", "t:video", "T:", "p:video:*", "n:video", "*:", "k:", "p:[", "T:x", "*:x", "p:", ":", "k", "t:\n"];

const REPLIES: &[&str] = &[
    "$1\r\n7\r\n",
    ":-1\r\n",
    "*5\r\n$1\r\n9\r\n$1\r\n3\r\n$3\r\n3-4\r\n:1\r\n:2\r\n",
    "*5\r\n$1\r\n9\r\n$1\r\n0\r\n$0\r\n\r\n:0\r\n:0\r\n",
    "*2\r\n$1\r\n0\r\n*2\r\n$9\r\ncached:v:\r\n$3\r\n\u{e4}x\r\n",
    "*1\r\n*2\r\n$10\r\ncached:log\r\n*1\r\n*2\r\n$3\r\n3-4\r\n*6\r\n$2\r\nby\r\n$1\r\n2\r\n$1\r\ng\r\n$9\r\nk:video:1\r\n$1\r\ng\r\n$2\r\n*:\r\n",
    "*2\r\n$3\r\n3-4\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
    "*2\r\n$3\r\n3-4\r\n*1\r\n$1\r\nx\r\n",
    "*2\r\n$1\r\n-\r\n_\r\n",
    "*4\r\n$9\r\nk:video:1\r\n$1\r\n3\r\n$4\r\nt:ab\r\n$22\r\n1.8446744073709552e+19\r\n",
    "*2\r\n$2\r\nk:\r\n$3\r\nnan\r\n",
    "*2\r\n$2\r\nk:\r\n$4\r\n-inf\r\n",
    "%1\r\n$6\r\nfk:a:1\r\n$1\r\n4\r\n",
    "*4\r\n$6\r\nfk:a:1\r\n$1\r\n4\r\n$5\r\nepoch\r\n$1\r\n9\r\n",
    "*2\r\n:12\r\n$24\r\n# Server\r\nrun_id:0123456\r\n\r\n",
    "_\r\n",
    "+OK\r\n",
    "*-1\r\n",
    "*2147483647\r\n",
    "$9223372036854775807\r\nx",
    "*5\r\n$20\r\n18446744073709551615\r\n$20\r\n18446744073709551615\r\n$41\r\n18446744073709551615-18446744073709551615\r\n:2\r\n:2\r\n",
];

const SETTINGS: &[&str] = &[
    "rredis://localhost",
    "rredis://user:hunter2@localhost:6379/3?protocol=resp3",
    "rredis://:hunter2@[::1]:6379",
    "rredis+unix:///tmp/redis.sock?db=1&pass=hunter2",
    "runix:///tmp/redis.sock",
    "rrediss://localhost",
    "rredis+sentinel://user:hunter2@a:26379,b:26379/name/2",
    "rredis+sentinel://a,,b/name",
    "rredis+cluster://a,b",
    "rhttp://hunter2@x",
    "usqlite:file.db",
    "usqlite:///tmp/file.db",
    "usqlite::memory:",
    "usqlite:x?mode=ro",
    "upostgres://user:hunter2@localhost:5432/db?sslmode=disable",
    "umysql://user:hunter2@localhost/db?charset=utf8mb4",
    "umariadb://u:p@h/d",
    "uoracle://hunter2",
    "ppostgresql://user:hunter2@localhost/db?options[a]=b&options=-c%20x",
    "ppostgres://u:hunter2@x@y/db",
    "ppostgres:///db?host=/tmp&password=hunter2",
    "mmysql://root:hunter2#@h/db",
    "mmysql://root@h:99999/db",
    "mmysql:///?socket=/tmp/x",
    "xcached",
    "xcached:v1-_.",
    "x",
    "x9lives",
    "wpostcard",
    "wmsgpack",
    "wjson",
    "wzstd",
    "wzlib",
    "wlz4",
    "wnone",
    "wclock",
    "wlru",
    "wlfu",
    "d500ms",
    "d1h30m",
    "d7d",
    "d36500d",
    "d0s",
    "d1",
    "d30m1h",
    "d18446744073709551615d",
    "d1\u{b5}s",
    "b67108864,300000,600,65536,1048576,1048576 video:*",
    "b18446744073709551615,18446744073709551615,18446744073709551615,18446744073709551615,18446744073709551615,18446744073709551615 video",
    "b0,0,0,0,0,0 video",
    "b1,1,1,1,1,1 [x]",
    "b1,1,1,1,1,1 a:b",
];
