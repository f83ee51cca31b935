//! Formats and compressions over a list of 100 structs: sizes and speeds.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::hint::black_box;

use cached_runtime::codec::{Codec, Compression, Format, Frame, Keys, Schema};
use kit::{Random, cpu, median, reach, summary};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    id: u64,
    title: String,
    author: Option<String>,
    score: f64,
    views: u32,
    public: bool,
    tags: Vec<String>,
    created_at: i64,
    thumbnail: String,
}

fn list() -> Vec<Item> {
    let mut random = Random(5);
    let words = ["cache", "query", "frame", "video", "table", "index", "shelf", "tier"];
    let mut word = |n: u64| words[(random.next() % n) as usize].to_owned();
    (0..100)
        .map(|id| Item {
            id,
            title: format!("{} {} {}", word(8), word(8), word(8)),
            author: (id % 3 > 0).then(|| word(8)),
            score: id as f64 * 0.37,
            views: id as u32 * 977,
            public: id % 2 == 0,
            tags: vec![word(4), word(8)],
            created_at: 1_700_000_000 + id as i64 * 3_601,
            thumbnail: format!("https://img.example/{id:08x}.webp"),
        })
        .collect()
}

/// Microseconds of CPU, the median of rounds.
fn micros(mut work: impl FnMut()) -> f64 {
    let round = |_| {
        let start = cpu();
        (0..100).for_each(|_| work());
        (cpu() - start).as_secs_f64() * 1e4
    };
    median((0..kit::ROUNDS).map(round).collect())
}

fn main() {
    let list = list();
    let schema = Schema::of::<Vec<Item>>();
    let json = serde_json::to_vec(&list).expect("JSON");
    let plain_encode = micros(|| drop(black_box(serde_json::to_vec(black_box(&list)).ok())));
    let plain_decode = micros(|| drop(black_box(serde_json::from_slice::<Vec<Item>>(black_box(&json)).ok())));
    println!("\nA list of 100 structs; bytes, share of JSON, microseconds to encode and to decode (through our codec)");
    println!(
        "{:<24}{:>8}{:>8}{:>10}{:>10}",
        "serde_json, bare",
        json.len(),
        "1.00",
        format!("{plain_encode:.1}"),
        format!("{plain_decode:.1}")
    );
    let mut found = Vec::new();
    for format in [Format::Postcard, Format::Msgpack, Format::Json] {
        for compression in [Compression::None, Compression::Zlib, Compression::Zstd, Compression::Lz4] {
            let codec = Codec { format, compression, ..Codec::default() };
            let encoded = codec.encode(&list, &schema).expect("encoded");
            let encode = micros(|| drop(black_box(codec.encode(black_box(&list), &schema).ok())));
            let head = head(&encoded);
            assert!(codec.decode::<Vec<Item>>(&head, &encoded.payload).is_ok_and(|back| back == list), "another value");
            let decode = micros(|| drop(black_box(codec.decode::<Vec<Item>>(&head, black_box(&encoded.payload)).ok())));
            let share = encoded.payload.len() as f64 / json.len() as f64;
            let name = format!("{format:?} + {compression:?}");
            println!("{name:<24}{:>8}{share:>8.2}{encode:>10.1}{decode:>10.1}", encoded.payload.len());
            found.push((name, share, encode, decode));
        }
    }
    encryption();
    let of =
        |name: &str| found.iter().find(|f| f.0 == name).map_or((f64::NAN, f64::NAN, f64::NAN), |f| (f.1, f.2, f.3));
    summary();
    let (share, encode, decode) = of("Postcard + None");
    reach("default format against serde_json", "size, share of JSON", share, 0.5);
    reach("default format against serde_json", "encode, guard included", encode / plain_encode, 1.0);
    reach("default format against serde_json", "decode", decode / plain_decode, 0.6);
    reach("zlib", "size, share of JSON", of("Postcard + Zlib").0, 0.3);
    reach("zstd against zlib, encode", "x zlib", of("Postcard + Zstd").1 / of("Postcard + Zlib").1, 0.6);
}

/// What encryption costs a frame.
fn encryption() {
    println!("\nFrames; microseconds to write and to read back to the payload, without encryption and with it");
    println!("{:<24}{:>10}{:>10}{:>12}{:>10}", "payload", "write", "read", "encrypted", "read");
    let keys = Keys::new(1, [7; 32]);
    for (name, len) in [("100 bytes", 100), ("1 KB", 1 << 10), ("100 KB", 100 << 10)] {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let encoded = cached_runtime::codec::Encoded { format: 1, compression: 0, raw_len: len, payload };
        let head = head(&encoded);
        let (plain, sealed) = (Frame::seal(head.clone(), &encoded.payload), keys.seal(head.clone(), &encoded.payload));
        let (plain, sealed) = (plain.expect("a frame"), sealed.expect("a frame"));
        let write = micros(|| drop(black_box(Frame::seal(head.clone(), black_box(&encoded.payload)))));
        let encrypt = micros(|| drop(black_box(keys.seal(head.clone(), black_box(&encoded.payload)))));
        let read = |frame: &Frame| Frame::read(frame.bytes().clone()).expect("a frame");
        let reading = micros(|| drop(black_box(read(black_box(&plain)).payload().to_vec())));
        let opening = micros(|| drop(black_box(keys.open(&read(black_box(&sealed))).expect("opened").into_owned())));
        println!("{name:<24}{write:>10.2}{reading:>10.2}{encrypt:>12.2}{opening:>10.2}");
    }
}

fn head(encoded: &cached_runtime::codec::Encoded) -> cached_runtime::codec::Head {
    cached_runtime::codec::Head {
        fingerprint: 0,
        birth: cached_runtime::group::Position { epoch: 1, number: 0 },
        shared: cached_runtime::group::Position::NOWHERE,
        born: 0,
        fresh_until: 1,
        stale_until: 1,
        key: cached_runtime::Key::from_stored("codec:list"),
        tags: [].into(),
        format: encoded.format,
        compression: encoded.compression,
        raw_len: encoded.raw_len,
    }
}
