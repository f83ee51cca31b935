//! Contexts and buffers that are used again.

use super::*;

/// The bytes are those of a thread that has never compressed anything else.
#[test]
fn levels_that_take_turns_do_not_meet() {
    let raws = [text(9_000), noise(700), vec![0; 70_000], text(100_000)];
    for method in [Compression::Zlib, Compression::Gzip, Compression::default()] {
        let alone = |level: i32, raw: &Vec<u8>| {
            let raw = raw.clone();
            std::thread::spawn(move || method.compress(&raw, Some(level))).join().expect("compressed")
        };
        for raw in &raws {
            for level in [6, 1, 9, 0, 3, 1, 0, 9, 6, 2] {
                assert!(method.compress(raw, Some(level)) == alone(level, raw), "{method} {level}");
            }
        }
    }
}

/// Where there is no room for more than the original, compressing ends in the middle of a block.
#[test]
fn what_was_given_up_spoils_nothing_after_it() {
    let raw = text(8_000);
    for method in [Compression::Zlib, Compression::Gzip, Compression::default()] {
        for (level, len) in
            [1, 6, 0, 9].into_iter().flat_map(|level| [70_000, 130_000, 3 << 20].map(|len| (level, len)))
        {
            assert_eq!(method.compress(&noise(len), Some(level)), None);
            for level in [level, 6, 1] {
                let small = method.compress(&raw, Some(level));
                let back = small.map(|small| method.decompress(&small, raw.len(), raw.len()).expect("whole"));
                assert!(back.is_none_or(|back| back == raw), "{method} {level} after {len}");
            }
        }
    }
}

#[test]
fn a_gzip_context_serves_zlib_next() {
    let raw = text(5_000);
    for _ in 0..3 {
        for method in [Compression::Gzip, Compression::Zlib] {
            let small = method.compress(&raw, None).expect("smaller");
            assert_eq!(method.decompress(&small, raw.len(), raw.len()).expect("whole"), raw);
            assert!(method.decompress(&small[..small.len() - 1], raw.len(), raw.len()).is_err());
            assert_eq!(fixed(method).decompress(method, &small).expect("whole"), raw);
        }
    }
}

/// What is kept holds no room that nobody needs.
#[test]
fn what_comes_out_is_as_large_as_it_is() {
    let fits = |bytes: &Vec<u8>| bytes.capacity() - bytes.len() <= bytes.len() / 8;
    for method in ALL.iter().filter(|method| **method != Compression::None) {
        for raw in [text(300), text(20_000), vec![0; 300_000], text(300_000)] {
            let packer = fixed(*method);
            let packed = packer.compress(&raw);
            let (method, small) = (packed.method(), packed.into_bytes().into_owned());
            assert!(fits(&small), "{method}: {} bytes in {}", small.len(), small.capacity());
            let out = packer.decompress(method, &small).expect("whole");
            assert!(fits(&out), "{method}: {} bytes in {}", out.len(), out.capacity());
        }
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_dictionary_keeps_contexts_of_the_level_that_is_used() {
    let row = |n: u32| format!(r#"{{"order":{n},"state":"delivered","carrier":"parcel post","weight":{}}}"#, n % 7);
    let rows: Vec<String> = (0..500).map(row).collect();
    let dictionary = Dictionary::train(&rows, 4 << 10).expect("trained");
    let raw = rows[7].as_bytes();
    // More levels than contexts are kept, each used once; then one of them all the time.
    for level in 1..=19 {
        dictionary.compress(raw, level).expect("smaller");
    }
    let first = dictionary.compress(raw, 18);
    assert_eq!(dictionary.compress(raw, 18), first);
    assert_eq!(dictionary.kept_level(), Some(18), "the next finds it");
}
