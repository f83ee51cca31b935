//! How much smaller things become, printed beside the figures of the system that was described. What is asserted is the
//! size; what it took is a benchmark's matter.

use cached_runtime::compress::{Compressor, Dictionary, Profile};
use serde_json::{Value, json};

/// One body, its size described, and by how much it was smaller there.
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn told(what: &str, raw: usize, small: usize, described: &str) -> f64 {
    let saved = 100.0 * (1.0 - small as f64 / raw as f64);
    println!("{what:<58}{raw:>9} -> {small:>7} bytes, {saved:>5.1} % smaller{described}");
    saved
}

/// What such figures are made of: a hundred records that differ in their numbers.
fn captions(records: usize) -> Value {
    let one = |n: usize| {
        json!({
            "timestamp": n as f64 * 2.0,
            "text": "A person walks through the room and sits down",
            "confidence": 0.95,
            "objects": ["person", "chair"],
        })
    };
    (0..records).map(one).collect::<Vec<_>>().into()
}

/// An answer of an API as web services give it: a page of records, each with its links.
fn page(records: usize) -> String {
    let one = |n: usize| {
        json!({
            "id": n,
            "type": "frame",
            "status": "processed",
            "url": format!("/api/v1/videos/demo/frames/{n}"),
            "description": "A person walks through the room and sits down at the table",
            "tags": ["indoor", "person", "daylight"],
        })
    };
    json!({ "total": records, "page": 1, "items": (0..records).map(one).collect::<Vec<_>>() }).to_string()
}

/// Real records: American airports, as objects.
fn airports() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/airports.json");
    let rows: Vec<(String, String, String, String, f64, f64)> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let object = |(code, name, city, state, latitude, longitude)| json!({ "code": code, "name": name, "city": city, "state": state, "latitude": latitude, "longitude": longitude });
    rows.into_iter().map(object).collect()
}

#[test]
fn json_and_responses_become_as_small_as_described() {
    let compressor = Compressor::new();
    let size = |value: &Value| serde_json::to_vec(value).unwrap().len();
    let value = captions(90);
    let json = told(
        "JSON, 90 captions of a video (made)",
        size(&value),
        compressor.compress_json(&value).unwrap().len(),
        "; described: 11,026 -> 677, 93.9 %",
    );
    let body = page(83);
    let gzip = compressor.compress_response(body.as_bytes(), "gzip");
    let response = told(
        "response, a page of 83 frames, gzip (made)",
        body.len(),
        gzip.body().len(),
        "; described: 16,334 -> 728, 95.5 %",
    );
    let zstd = compressor.compress_response(body.as_bytes(), "zstd, gzip");
    told("the same, zstd", body.len(), zstd.body().len(), "");

    let all = Value::from(airports());
    let real = told("JSON, 3,376 airports (real)", size(&all), compressor.compress_json(&all).unwrap().len(), "");
    let hundred = Value::from(airports()[..100].to_vec());
    told("JSON, 100 airports (real)", size(&hundred), compressor.compress_json(&hundred).unwrap().len(), "");
    let pretty = serde_json::to_string_pretty(&all).unwrap();
    told(
        "the same as a response, indented, gzip (real)",
        pretty.len(),
        compressor.compress_response(pretty.as_bytes(), "gzip").body().len(),
        "",
    );
    assert!(json >= 93.9 && response >= 95.5 && real >= 60.0, "{json} {response} {real}");
}

#[test]
fn short_values_need_a_dictionary() {
    let rows: Vec<String> = airports().iter().map(ToString::to_string).collect();
    let (learned, asked): (Vec<_>, Vec<_>) = rows.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let dictionary = Dictionary::train(learned.iter().map(|(_, row)| row.as_bytes()), 16 << 10).unwrap();
    let with = Profile::new("with").dictionary(dictionary);
    let compressor = Compressor::builder().profile(with).profile(Profile::new("without").threshold(0)).build().unwrap();
    let bytes = |profile: &str| -> usize {
        let packer = compressor.profile(profile).unwrap();
        asked.iter().map(|(_, row)| packer.compress(row.as_bytes()).bytes().len()).sum()
    };
    let raw: usize = asked.iter().map(|(_, row)| row.len()).sum();
    let without = told("1,688 airports, each by itself, zstd (real)", raw, bytes("without"), "");
    let with = told("the same with a dictionary of the other 1,688", raw, bytes("with"), "");
    assert!(with >= 2.0 * without.max(20.0), "{with} {without}");
}
