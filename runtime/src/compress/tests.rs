//! What each part does by itself; whole caches are in the integration tests.

use std::io::{Read as _, Write as _};

use super::*;
use crate::error::ErrorKind;

mod contexts;
mod foreign;

const ALL: &[Compression] = Compression::PRESENT;

fn text(len: usize) -> Vec<u8> {
    let words = ["what", "was", "invalidated", "stays", "so", "on", "every", "node", "whatever", "fails"];
    let mut out = Vec::new();
    for n in 0.. {
        out.extend_from_slice(words[(n * n + n / 7) % words.len()].as_bytes());
        out.extend_from_slice(n.to_string().as_bytes());
        if out.len() >= len {
            break;
        }
    }
    out.truncate(len);
    out
}

/// Bytes without any order.
fn noise(len: usize) -> Vec<u8> {
    let chance = crate::chance::Chance::new(1);
    (0..len).map(|_| (chance.next() >> 32) as u8).collect()
}

fn packer(profile: Profile) -> Packer {
    profile.check().expect("a possible profile");
    Packer::new(profile)
}

fn fixed(method: Compression) -> Packer {
    packer(Profile::new("fixed").method(method).threshold(0))
}

#[test]
fn each_method_gives_back_what_it_was_given() {
    for method in ALL {
        for raw in [vec![], text(1), text(5_000), noise(5_000), vec![0; 100_000], text(300_000)] {
            let (packer, again) = (fixed(*method), fixed(*method));
            // Twice, so that the context has been used.
            for _ in 0..2 {
                let packed = packer.compress(&raw);
                assert!(packed.bytes().len() <= raw.len(), "{method} never larger");
                assert_eq!(again.decompress(packed.method(), packed.bytes()).expect("whole"), raw, "{method}");
                assert_eq!(again.decompress_stored(&packed.to_stored()).expect("whole"), raw, "{method}");
            }
        }
    }
}

#[test]
fn what_gains_nothing_is_left_as_it_is() {
    let packer = packer(Profile::text());
    for raw in [text(1_023), noise(50_000)] {
        assert_eq!(packer.compress(&raw).method(), Compression::None);
    }
    let small = fixed(Compression::Gzip).compress(&text(50_000)).into_bytes().into_owned();
    assert_eq!(packer.compress(&small).method(), Compression::None, "compressed before");
    assert!(!packer.should_compress(&small) && !packer.should_compress(&text(1_023)));
    assert!(packer.should_compress(&text(1_024)));
    let stats = packer.stats();
    assert_eq!((stats.values, stats.compressed, stats.short, stats.dense, stats.gainless), (3, 0, 1, 1, 1));
    assert_eq!(stats.bytes_in, stats.bytes_out);
}

#[test]
fn each_value_is_counted_once_and_for_its_reason() {
    let none = packer(Profile::new("none").method(Compression::None));
    let text = text(5_000);
    let _ = none.compress(&text);
    let _ = none.compress(&text[..100]);
    assert_eq!((none.stats().off, none.stats().short, none.stats().dense), (1, 1, 0));
    assert!(none.stats().seconds.abs() < f64::EPSILON, "nothing was done");
    let one = packer(Profile::text());
    let _ = one.compress(&text);
    assert_eq!(one.stats().compressed, 1);
    let second = std::time::Duration::from_secs(1).as_secs_f64();
    assert!(one.stats().seconds > 0.0 && one.stats().seconds < second, "what one took, and not of sixteen");
    let adaptive = packer(Profile::binary().threshold(0));
    for n in 0..300 {
        let _ = adaptive.compress(&noise(500 + n));
        let _ = adaptive.compress(&text);
    }
    let stats = adaptive.stats();
    let left = stats.short + stats.dense + stats.gainless + stats.off;
    assert_eq!((stats.values, stats.compressed + left), (600, 600), "{stats:?}");
}

#[test]
fn what_is_said_of_a_profile_holds_in_any_order() {
    let new = || Profile::new("own");
    assert_eq!(new().level(9).method(Compression::Gzip), new().method(Compression::Gzip).level(9));
    for profile in [
        Profile::binary().adaptive(0.5).method(Compression::Zlib),
        new().method(Compression::Zlib).adaptive(0.5),
        new().adaptive(0.5).level(1),
        new().level(1).adaptive(0.5),
    ] {
        assert_eq!(profile.check().expect_err("one of both").context("setting"), Some("adaptive"), "{profile:?}");
    }
    // What a profile that is there says is only what holds while nothing else is said.
    assert_eq!(packer(Profile::binary().method(Compression::Gzip)).now(), (Compression::Gzip, 6));
    assert_eq!(packer(Profile::json().level(1)).now(), (Compression::Zlib, 1));
    assert!(Profile::json().adaptive(0.5).check().is_ok());
}

#[test]
fn a_stream_is_read_whole_or_not_at_all() {
    for method in ALL.iter().filter(|method| **method != Compression::None) {
        let packer = fixed(*method);
        let raw = text(20_000);
        let whole = packer.compress(&raw).into_bytes().into_owned();
        for len in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
            assert!(packer.decompress(*method, &whole[..len]).is_err(), "{method} cut to {len} of {}", whole.len());
        }
        let mut more = whole.clone();
        more.push(b'!');
        assert!(packer.decompress(*method, &more).is_err(), "{method} followed by something");
        for other in ALL.iter().filter(|other| *other != method && **other != Compression::None) {
            let error = packer.decompress(*other, &whole).expect_err("another method's");
            assert_eq!(error.kind(), ErrorKind::Codec, "{method} read as {other}");
        }
    }
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    for method in ALL {
        let raw = vec![7; 10 << 20];
        let bomb = fixed(*method).compress(&raw).into_bytes().into_owned();
        let limited = packer(Profile::new("limited").max_output(1 << 20));
        assert_eq!(limited.decompress(*method, &bomb).expect_err("a bomb").kind(), ErrorKind::TooLarge, "{method}");
        let mut out = Vec::new();
        let read = limited.reader(*method, bomb.as_slice()).expect("a reader").read_to_end(&mut out);
        assert!(read.is_err() && out.len() <= (1 << 20) + (64 << 10), "{method}: {} bytes came", out.len());
        let exact = packer(Profile::new("exact").max_output(raw.len()));
        assert_eq!(exact.decompress(*method, &bomb).expect("to the byte").len(), raw.len(), "{method}");
    }
}

#[test]
fn streams_are_written_and_read_piece_by_piece() {
    for method in ALL {
        let (packer, raw) = (fixed(*method), text(200_000));
        let mut writer = packer.writer(Vec::new()).expect("a writer");
        for piece in raw.chunks(777) {
            writer.write_all(piece).expect("written");
        }
        assert_eq!(writer.method(), *method);
        let small = writer.finish().expect("the end");
        let mut back = Vec::new();
        let mut reader = packer.reader(*method, small.as_slice()).expect("a reader");
        reader.read_to_end(&mut back).expect("read");
        assert!(back == raw, "{method}");
        assert_eq!(packer.decompress(*method, &small).expect("in one call"), raw, "{method}");
        let cut = &small[..small.len() - 1];
        let mut reader = packer.reader(*method, cut).expect("a reader");
        assert_eq!(reader.read_to_end(&mut Vec::new()).is_err(), *method != Compression::None, "{method}: no end");
    }
}

#[cfg(feature = "zstd")]
#[test]
fn what_the_writer_of_a_profile_writes_its_reader_reads() {
    for (level, limit) in [(3, 1 << 20), (19, 1 << 20), (22, 1 << 20), (22, 64 << 20)] {
        let packer = packer(Profile::new("own").method(Compression::Zstd).level(level).max_output(limit));
        let mut writer = packer.writer(Vec::new()).expect("a writer");
        writer.write_all(b"a short body").expect("written");
        let small = writer.finish().expect("the end");
        let mut back = Vec::new();
        packer.reader(Compression::Zstd, small.as_slice()).expect("a reader").read_to_end(&mut back).expect("read");
        assert_eq!(back, b"a short body", "level {level}");
        assert_eq!(packer.decompress(Compression::Zstd, &small).expect("read"), back);
    }
}

#[test]
fn something_behind_the_end_of_a_stream_is_an_error() {
    for method in ALL.iter().filter(|method| **method != Compression::None) {
        let packer = fixed(*method);
        let mut bytes = packer.compress(&text(5_000)).into_bytes().into_owned();
        bytes.extend_from_slice(b"something");
        let mut reader = packer.reader(*method, bytes.as_slice()).expect("a reader");
        assert!(reader.read_to_end(&mut Vec::new()).is_err(), "{method}");
    }
}

#[test]
fn json_is_read_by_its_beginning() {
    let value: Vec<u64> = (0..2_000).collect();
    for method in ALL {
        let compressor = Compressor::builder().profile(Profile::json().method(*method)).build().expect("possible");
        let bytes = compressor.compress_json(&value).expect("written");
        // Whoever has another profile reads it too.
        assert_eq!(Compressor::new().decompress_json::<Vec<u64>>(&bytes).expect("read"), value, "{method}");
    }
    let compressor = Compressor::new();
    let short = compressor.compress_json(&[1, 2, 3]).expect("written");
    assert_eq!(short, b"[1,2,3]");
    assert_eq!(compressor.decompress_json::<Vec<u8>>(b" \n[1,2,3]").expect("as it is"), [1, 2, 3]);
    for broken in [&b""[..], b"[1,2", b"\x78\x9c", b"x", b"{}", b"\x1f\x8b\x08"] {
        assert_eq!(compressor.decompress_json::<Vec<u8>>(broken).expect_err("refused").kind(), ErrorKind::Codec);
    }
    let deep = "[".repeat(100_000);
    assert!(compressor.decompress_json::<serde_json::Value>(deep.as_bytes()).is_err());
}

#[test]
fn a_json_error_shows_nothing_of_the_document() {
    let error = Compressor::new().decompress_json::<Vec<u64>>(br#"["my password"]"#).expect_err("no numbers");
    assert!(!format!("{error} {error:?}").contains("password"), "{error}");
}

#[test]
fn a_response_is_what_the_client_takes() {
    let (compressor, body) = (Compressor::new(), text(20_000));
    for (accept, encoding) in [("gzip", Some("gzip")), ("deflate", Some("deflate")), ("", None), ("br", None)] {
        let response = compressor.compress_response(&body, accept);
        assert_eq!(response.encoding(), encoding);
        let method = match encoding {
            Some("gzip") => Compression::Gzip,
            Some(_) => Compression::Zlib,
            None => Compression::None,
        };
        let text = compressor.profile("text").expect("there");
        assert_eq!(text.decompress(method, response.body()).expect("whole"), body);
    }
    assert_eq!(compressor.compress_response(&body[..1_000], "gzip").encoding(), None, "short");
    let taken: Vec<String> =
        compressor.stats().into_iter().filter(|stats| stats.values > 0).map(|s| s.method).collect();
    assert_eq!(taken, ["gzip", "zlib"], "each encoding is counted");
    let (encoding, _) = compressor.response_stream("gzip;q=0.2").expect("taken");
    assert_eq!(encoding, "gzip");
    assert!(compressor.response_stream("identity").is_none());
}

#[test]
fn what_is_not_possible_is_refused_by_name() {
    for (profile, setting) in [
        (Profile::new(""), "profile"),
        (Profile::new("a").max_output(0), "max_output"),
        (Profile::new("a").max_output(usize::MAX), "max_output"),
        (Profile::response().method(Compression::None), "method"),
        (Profile::new("a").method(Compression::Zlib).level(10), "compression_level"),
        (Profile::new("a").adaptive(0.0), "adaptive"),
        (Profile::new("a").adaptive(f64::NAN), "adaptive"),
        (Profile::response().adaptive(0.1), "adaptive"),
    ] {
        let error = Compressor::builder().profile(profile).build().expect_err("refused");
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(setting)), "{error}");
    }
    let compressor = Compressor::new();
    let error = compressor.profile("jsno").expect_err("unknown");
    assert!(error.to_string().contains("json, response, text, binary"), "{error}");
}

#[test]
fn an_adaptive_profile_finds_what_pays() {
    let generous = || packer(Profile::new("adaptive").adaptive(1024.0));
    for (raw, pays) in [(text(20_000), true), (noise(20_000), false), (vec![0; 20_000], true)] {
        let packer = generous();
        for _ in 0..200 {
            let packed = packer.compress(&raw);
            assert_eq!(packer.decompress(packed.method(), packed.bytes()).expect("whole"), raw);
        }
        assert_eq!(packer.now().0 != Compression::None, pays, "{:?}", packer.stats());
        assert_eq!(packer.should_compress(&raw), pays);
    }
    // What was compressed before is known by its beginning, and costs no trial.
    let (packer, small) = (generous(), fixed(Compression::Gzip).compress(&text(20_000)).into_bytes().into_owned());
    (0..200).for_each(|_| assert_eq!(packer.compress(&small).method(), Compression::None));
    assert_eq!(packer.stats().dense, 200);
}

#[test]
fn many_threads_share_a_packer() {
    let packers: Vec<Packer> = ALL.iter().map(|method| fixed(*method)).chain([packer(Profile::binary())]).collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let packers = &packers;
            scope.spawn(move || {
                for n in 0..50 {
                    let raw = text(1_500 + 97 * thread + n);
                    for packer in packers {
                        let packed = packer.compress(&raw);
                        assert!(packer.decompress(packed.method(), packed.bytes()).expect("whole") == raw);
                    }
                }
            });
        }
    });
    assert!(packers.iter().all(|packer| packer.stats().values == 400 && packer.stats().refused == 0));
}

#[cfg(feature = "zstd")]
mod dictionaries {
    use super::*;

    fn row(n: usize) -> String {
        let state = ["ordered", "packed", "shipped", "delivered", "returned"][n % 5];
        format!(
            r#"{{"order":{},"customer":"C-{:05}","state":"{state}","carrier":"parcel post","history":[{}],"gift":{}}}"#,
            n * 7919,
            n * 31 % 10_000,
            n % 3,
            n.is_multiple_of(11)
        )
    }

    fn trained() -> Dictionary {
        Dictionary::train((0..2_000).map(row), 8 << 10).expect("enough samples")
    }

    #[test]
    fn small_values_become_much_smaller_with_a_dictionary() {
        let with = packer(Profile::new("rows").dictionary(trained()));
        let without = packer(Profile::new("rows").threshold(0));
        let (mut raw_bytes, mut small, mut plain) = (0, 0, 0);
        for n in 5_000..5_200 {
            let raw = row(n);
            let packed = with.compress(raw.as_bytes());
            assert_eq!(with.decompress(packed.method(), packed.bytes()).expect("read"), raw.as_bytes());
            raw_bytes += raw.len();
            small += packed.bytes().len();
            plain += without.compress(raw.as_bytes()).bytes().len();
        }
        assert!(small * 2 < plain, "{raw_bytes} raw, {plain} without, {small} with");
    }

    #[test]
    fn a_dictionary_that_is_missing_is_named() {
        let dictionary = trained();
        let packed = packer(Profile::new("rows").dictionary(dictionary.clone()))
            .compress(row(1).as_bytes())
            .into_bytes()
            .into_owned();
        let error = packer(Profile::new("others")).decompress(Compression::Zstd, &packed).expect_err("not here");
        assert_eq!(error.context("id"), Some(dictionary.id().to_string().as_str()), "{error}");
        let later = packer(Profile::new("later").also_reads(dictionary));
        assert_eq!(later.decompress(Compression::Zstd, &packed).expect("read"), row(1).as_bytes());
        assert_eq!(later.compress(row(1).as_bytes()).method(), Compression::None, "it only reads with it");
    }

    #[test]
    fn a_dictionary_comes_back_from_its_bytes() {
        let dictionary = trained();
        let again = Dictionary::new(dictionary.bytes()).expect("a dictionary");
        assert_eq!((again.id(), &again), (dictionary.id(), &dictionary));
        for broken in
            [&b""[..], b"no dictionary at all", &dictionary.bytes()[..20], &[0x37, 0xA4, 0x30, 0xEC, 0, 0, 0, 0]]
        {
            assert_eq!(Dictionary::new(broken).expect_err("refused").context("setting"), Some("dictionary"));
        }
        assert!(Dictionary::train(["a", "b"], 1 << 10).is_err(), "too few");
        assert!(Dictionary::train(std::iter::repeat_n("", 100), 1 << 10).is_err(), "nothing in them");
        assert!(!format!("{dictionary:?}").contains("parcel"), "its contents are values");
    }

    #[test]
    fn a_dictionary_is_for_zstd_only() {
        let wrong = Profile::new("rows").dictionary(trained()).method(Compression::Gzip);
        assert_eq!(wrong.check().expect_err("refused").context("setting"), Some("dictionary"));
        let wrong = Profile::new("rows").method(Compression::Gzip).dictionary(trained());
        assert_eq!(wrong.check().expect_err("in any order").context("setting"), Some("dictionary"));
        let wrong = Profile::new("rows").adaptive(0.5).dictionary(trained());
        assert_eq!(wrong.check().expect_err("nor by measurement").context("setting"), Some("dictionary"));
        let with = Profile::json().dictionary(trained()).level(9);
        assert_eq!(packer(with).now(), (Compression::Zstd, 9), "another method was not asked for");
        let response =
            Compressor::builder().profile(Profile::response().method(Compression::Zstd).dictionary(trained()));
        assert_eq!(response.build().expect_err("no client knows it").context("setting"), Some("dictionary"));
    }

    #[test]
    fn threads_share_a_dictionary() {
        let packer = packer(Profile::new("rows").dictionary(trained()));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let packer = &packer;
                scope.spawn(move || {
                    for n in 0..100 {
                        let raw = row(thread * 1_000 + n);
                        let packed = packer.compress(raw.as_bytes());
                        assert_eq!(packer.decompress(packed.method(), packed.bytes()).expect("read"), raw.as_bytes());
                    }
                });
            }
        });
    }

    #[test]
    fn a_bomb_with_a_dictionary_is_one_too() {
        let packer = packer(Profile::new("rows").dictionary(trained()).max_output(1 << 10));
        let bomb = packer.compress(&vec![b'a'; 1 << 20]).into_bytes().into_owned();
        assert_eq!(packer.decompress(Compression::Zstd, &bomb).expect_err("a bomb").kind(), ErrorKind::TooLarge);
    }
}
