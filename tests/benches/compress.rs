//! The compressor beside the crates that it stands on, and short values with a dictionary and without.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::cell::RefCell;
use std::hint::black_box;

use cached_runtime::compress::{Compression, Compressor, Dictionary, Packer, Profile};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};
use kit::{ROUNDS, cpu, median, reach, summary};

/// CPU time of both, in microseconds a call: turn about, so that what the machine does meets both alike. The ratio is the
/// median of the rounds' own.
fn beside(calls: u32, mut ours: impl FnMut(), mut bare: impl FnMut()) -> (f64, f64, f64) {
    let one = |work: &mut dyn FnMut()| {
        let start = cpu();
        (0..calls).for_each(|_| work());
        (cpu() - start).as_secs_f64() * 1e6 / f64::from(calls)
    };
    one(&mut ours);
    one(&mut bare);
    let (mut mine, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..2 * ROUNDS {
        let (a, b) = if round % 2 == 0 {
            let a = one(&mut ours);
            (a, one(&mut bare))
        } else {
            let b = one(&mut bare);
            (one(&mut ours), b)
        };
        mine.push(a);
        theirs.push(b);
        ratios.push(a / b);
    }
    (median(mine), median(theirs), median(ratios))
}

/// Airports as an API gives them.
fn airports() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/airports.json");
    let text = std::fs::read_to_string(path).expect("the airports");
    let rows: Vec<(String, String, String, String, f64, f64)> = serde_json::from_str(&text).expect("rows");
    let object = |(code, name, city, state, latitude, longitude): (String, String, String, String, f64, f64)| {
        format!(
            r#"{{"code":"{code}","name":"{name}","city":"{city}","state":"{state}","position":{{"latitude":{latitude},"longitude":{longitude}}},"runways":[{{"length":{},"surface":"asphalt","lighted":true}}],"links":{{"self":"/airports/{code}","weather":"/airports/{code}/weather","arrivals":"/airports/{code}/arrivals"}}}}"#,
            1_200 + name.len() * 37
        )
    };
    rows.into_iter().map(object).collect()
}

type Pack = dyn Fn(&[u8]) -> Vec<u8>;
type Unpack = dyn Fn(&[u8], usize) -> Vec<u8>;

struct Bare {
    name: &'static str,
    method: Compression,
    pack: Box<Pack>,
    unpack: Box<Unpack>,
}

/// The crates as who knows them uses them: contexts kept, buffers of the right size.
fn bare() -> Vec<Bare> {
    let deflate = RefCell::new(Compress::new(flate2::Compression::new(6), true));
    let inflate = RefCell::new(Decompress::new(true));
    let zstd = RefCell::new(zstd::bulk::Compressor::new(3).expect("a context"));
    let unzstd = RefCell::new(zstd::bulk::Decompressor::new().expect("a context"));
    vec![
        Bare {
            name: "zlib 6",
            method: Compression::Zlib,
            pack: Box::new(move |raw| {
                let mut context = deflate.borrow_mut();
                context.reset();
                let mut out = Vec::with_capacity(raw.len());
                context.compress_vec(raw, &mut out, FlushCompress::Finish).expect("compressed");
                out
            }),
            unpack: Box::new(move |small, len| {
                let mut context = inflate.borrow_mut();
                context.reset(true);
                let mut out = Vec::with_capacity(len);
                context.decompress_vec(small, &mut out, FlushDecompress::Finish).expect("decompressed");
                out
            }),
        },
        Bare {
            name: "zstd 3",
            method: Compression::Zstd,
            pack: Box::new(move |raw| {
                let mut out = Vec::with_capacity(raw.len());
                zstd.borrow_mut().compress_to_buffer(raw, &mut out).expect("compressed");
                out
            }),
            unpack: Box::new(move |small, len| {
                let mut out = Vec::with_capacity(len);
                unzstd.borrow_mut().decompress_to_buffer(small, &mut out).expect("decompressed");
                out
            }),
        },
        Bare {
            name: "lz4",
            method: Compression::Lz4,
            pack: Box::new(|raw| {
                use std::io::Write as _;
                let mut out = lz4_flex::frame::FrameEncoder::new(Vec::with_capacity(raw.len()));
                out.write_all(raw).expect("compressed");
                out.finish().expect("compressed")
            }),
            unpack: Box::new(|small, _| {
                use std::io::Read as _;
                let mut out = Vec::new();
                lz4_flex::frame::FrameDecoder::new(small).read_to_end(&mut out).expect("decompressed");
                out
            }),
        },
    ]
}

fn paths(rows: &[String]) -> Vec<(String, f64)> {
    println!("\nCompressing and decompressing; microseconds a call, ours / bare crate (times)");
    let mut found = Vec::new();
    for (size, raw) in [("1.5 KB", &rows[..4]), ("18 KB", &rows[..48]), ("1 MB", &rows[..2_700])] {
        let raw = raw.join(",").into_bytes();
        // Some milliseconds a round at least: shorter ones measure what else the machine does.
        let calls = (20_000_000 / raw.len() as u32).clamp(5, 5_000);
        for bare in bare() {
            let profile = Profile::new("bench").method(bare.method);
            let compressor = Compressor::builder().profile(profile).build().expect("possible");
            let packer = compressor.profile("bench").expect("there");
            let small = packer.compress(&raw).into_bytes().into_owned();
            let pack = beside(
                calls,
                || drop(black_box(packer.compress(black_box(&raw)))),
                || drop(black_box((bare.pack)(black_box(&raw)))),
            );
            let ours = || drop(black_box(packer.decompress(bare.method, black_box(&small)).expect("whole")));
            let unpack = beside(calls, ours, || drop(black_box((bare.unpack)(black_box(&small), raw.len()))));
            let part = |(ours, bare, ratio): (f64, f64, f64)| format!("{ours:>9.1} /{bare:>9.1} ({ratio:.3})");
            println!(
                "{:<10}{size:>8}  ratio {:>5.2}  {}  {}",
                bare.name,
                raw.len() as f64 / small.len() as f64,
                part(pack),
                part(unpack)
            );
            found.push((format!("{} of {size}, compress", bare.name), pack.2));
            found.push((format!("{} of {size}, decompress", bare.name), unpack.2));
        }
    }
    found
}

/// So many values of about 300 bytes, each by itself.
fn short(rows: &[String]) -> (f64, f64) {
    let (learned, asked): (Vec<_>, Vec<_>) = rows.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let asked: Vec<&[u8]> = asked.iter().map(|(_, row)| row.as_bytes()).collect();
    let dictionary = Dictionary::train(learned.iter().map(|(_, row)| row.as_bytes()), 16 << 10).expect("trained");
    let profiles = [
        Profile::new("zlib").method(Compression::Zlib).threshold(0),
        Profile::new("zstd").threshold(0),
        Profile::new("zstd, dictionary").dictionary(dictionary),
        Profile::new("lz4").method(Compression::Lz4).threshold(0),
    ];
    let raw: usize = asked.iter().map(|row| row.len()).sum();
    println!(
        "\n{} values of {} bytes on the average, each by itself; ratio, microseconds to write and to read",
        asked.len(),
        raw / asked.len()
    );
    let mut found = Vec::new();
    for profile in profiles {
        let name = profile.name().to_owned();
        let compressor = Compressor::builder().profile(profile).build().expect("possible");
        let packer: &Packer = compressor.profile(&name).expect("there");
        let packed: Vec<_> = asked.iter().map(|row| packer.compress(row)).collect();
        let small: usize = packed.iter().map(|packed| packed.bytes().len()).sum();
        let each = asked.len() as f64;
        let all = || asked.iter().for_each(|row| drop(black_box(packer.compress(row))));
        let back =
            || packed.iter().for_each(|p| drop(black_box(packer.decompress(p.method(), p.bytes()).expect("whole"))));
        let (write, read, _) = beside(1, all, back);
        println!("{name:<20}{:>8.2}{:>9.2}{:>9.2}", raw as f64 / small as f64, write / each, read / each);
        found.push((raw as f64 / small as f64, write / each));
    }
    (found[1].0 / found[2].0, found[2].1 / found[1].1)
}

fn main() {
    let rows = airports();
    let paths = paths(&rows);
    let (size, time) = short(&rows);
    summary();
    for (what, ratio) in paths {
        reach("our path against the bare crate", &what, ratio, 1.03);
    }
    reach("a dictionary against none, values of 300 bytes", "size", size, 0.5);
    reach("a dictionary against none, values of 300 bytes", "time to write", time, 1.0);
}
