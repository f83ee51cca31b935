//! What comes from outside is held to bounds, and refused by name.

use std::time::Duration;

use cached_runtime::dedup::{Checked, Dedup, DedupOptions, Method, PictureHash};
use cached_runtime::key::escape;
use cached_runtime::{Access, Cache, Error, ErrorKind};

use super::{at, dedup_of, hash, jpeg, png};
use crate::rig::World;

fn told(error: &Error) -> (ErrorKind, Option<&str>, Option<&str>) {
    (error.kind(), error.context("video"), error.context("timestamp"))
}

/// A PNG that says it is this large, and has nothing behind its head.
fn boast(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(1);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = u32::MAX;
    for byte in &bytes[12..29] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

#[tokio::test]
async fn what_is_no_picture_is_refused_by_name() {
    let world = World::new();
    let dedup = dedup_of(&world);
    let mut cut = jpeg(1);
    cut.truncate(300);
    let mut cut_png = png(1);
    cut_png.truncate(60);
    for bytes in [Vec::new(), b"no picture".to_vec(), cut, cut_png, b"GIF89a".to_vec(), b"RIFF____WEBP".to_vec()] {
        let refused = dedup.check_frame("intro", at(2), bytes).await.unwrap_err();
        assert_eq!(told(&refused), (ErrorKind::Codec, Some("intro"), Some("2s")), "{refused}");
    }
    assert_eq!(dedup.stats().refused, 6);
    assert_eq!(dedup.check_frame("intro", at(2), png(1)).await.unwrap(), Checked::New, "the timestamp is free");
}

#[tokio::test]
async fn too_many_pixels_are_known_before_they_are_decoded() {
    let world = World::new();
    let dedup = dedup_of(&world);
    for (width, height) in [(60_000, 60_000), (i32::MAX as u32, 1), (7_100, 7_100)] {
        let refused = dedup.check_frame("v", at(1), boast(width, height)).await.unwrap_err();
        assert_eq!(told(&refused), (ErrorKind::TooLarge, Some("v"), Some("1s")), "{width} x {height}: {refused}");
    }
    let small = DedupOptions::new().max_pixels(96 * 64).max_bytes(png(1).len());
    let dedup = Dedup::open(&world.cache, "small", small).unwrap();
    assert_eq!(dedup.check_frame("v", at(1), png(1)).await.unwrap(), Checked::New, "both bounds are inclusive");
    let mut long = png(1);
    long.push(0);
    let refused = dedup.check_frame("v", at(2), long).await.unwrap_err();
    assert_eq!(told(&refused), (ErrorKind::TooLarge, Some("v"), Some("2s")));
    assert!(refused.context("max_bytes").is_some());
}

#[tokio::test]
async fn a_file_is_read_no_further_than_a_picture_may_be_long() {
    let (world, dir) = (World::new(), tempfile::TempDir::new().unwrap());
    let dedup = Dedup::open(&world.cache, "small", DedupOptions::new().max_bytes(1_000)).unwrap();
    let path = dir.path().join("long");
    std::fs::write(&path, vec![0; 100_000]).unwrap();
    let refused = dedup.check_frame_duplicate("v", at(1), &path).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn beyond_the_bound_pictures_are_compared_and_not_remembered() {
    let world = World::new();
    let dedup = Dedup::open(&world.cache, "few", DedupOptions::new().max_frames(3)).unwrap();
    for second in 0..3 {
        assert_eq!(dedup.check_hash("v", at(second), &hash(second), 10).await.unwrap(), Checked::New);
    }
    for _ in 0..2 {
        assert_eq!(dedup.check_hash("v", at(9), &hash(1), 10).await.unwrap(), Checked::DuplicateOf(at(1)));
        assert_eq!(dedup.check_hash("v", at(10), &hash(10), 10).await.unwrap(), Checked::New, "the same answer again");
    }
    let kept = dedup.video_stats("v").await;
    assert_eq!((kept.frames, kept.duplicates, kept.bytes_saved), (3, 0, 0));
    let stats = dedup.stats();
    assert_eq!((stats.beyond, stats.new, stats.duplicates, stats.again), (4, 5, 2, 0));
    assert_eq!(stats.bytes_saved, 0, "not once for each time it is asked");
}

#[tokio::test]
async fn memory_is_bounded_and_what_went_is_read_again() {
    let world = World::new();
    let options = DedupOptions::new().memory(200_000);
    let dedup = Dedup::open(&world.cache, "many", options).unwrap();
    for video in 0..200_u64 {
        for second in 0..5 {
            let checked = dedup.check_hash(&format!("v{video}"), at(second), &hash(video * 8 + second), 1).await;
            assert_eq!(checked.unwrap(), Checked::New);
        }
        // The last one is held while it is weighed.
        let (most, one) = (200_000, dedup.stats().memory / dedup.stats().videos);
        assert!(dedup.stats().memory <= most + one, "{:?}", dedup.stats());
    }
    assert!((2..100).contains(&dedup.stats().videos), "{:?}", dedup.stats());
    for video in 0..200_u64 {
        let again = dedup.check_hash(&format!("v{video}"), at(9), &hash(video * 8 + 2), 1).await.unwrap();
        assert_eq!(again, Checked::DuplicateOf(at(2)), "of video {video}");
    }
}

#[tokio::test]
async fn names_from_outside_stay_apart() {
    let world = World::new();
    let dedup = dedup_of(&world);
    let long = "x".repeat(5_000);
    let longer = format!("{long}y");
    let names = ["a", "a:b", "*", "a:*", "%3A", "\u{1}", "é", " ", "~e", "video:a", "a\nb", &long, &longer];
    for name in names {
        assert_eq!(dedup.check_frame(name, at(1), png(1)).await.unwrap(), Checked::New, "{name:.20}");
    }
    world.settle().await;
    dedup.remove("*").await;
    dedup.remove(&long).await;
    for name in names {
        let gone = name == "*" || name == long;
        assert_eq!(dedup.video_stats(name).await.frames, u64::from(!gone), "{name:.20}");
    }
    let refused = dedup.check_frame("", at(1), png(1)).await.unwrap_err();
    assert_eq!(told(&refused), (ErrorKind::Config, Some(""), Some("1s")));
    let refused = dedup.check_frame(&long, at(1), Vec::new()).await.unwrap_err();
    let shown = &long[..64];
    assert_eq!(told(&refused), (ErrorKind::Codec, Some(shown), Some("1s")), "the beginning of its name");
    let refused = dedup.check_frame("a\nb", at(9), Vec::new()).await.unwrap_err();
    assert_eq!(refused.context("video"), Some(&*escape("a\nb")), "nothing that breaks a line of a log");
    let refused = dedup.check_frame("v", Duration::MAX, png(1)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn options_out_of_range_are_refused_when_it_is_opened() {
    let world = World::new();
    let setting = |options: DedupOptions| {
        let refused = Dedup::open(&world.cache, "wrong", options).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config);
        refused.context("setting").unwrap().to_owned()
    };
    for similarity in [0.49, 1.01, f64::NAN] {
        assert_eq!(setting(DedupOptions::new().similarity(similarity)), "similarity");
    }
    assert_eq!(setting(DedupOptions::new().max_frames(0)), "max_frames");
    assert_eq!(setting(DedupOptions::new().max_pixels(0)), "max_pixels");
    assert_eq!(setting(DedupOptions::new().max_bytes(0)), "max_bytes");
    assert_eq!(setting(DedupOptions::new().decoding(0)), "decoding");
    assert_eq!(setting(DedupOptions::new().ttl(Duration::ZERO)), "ttl");
    assert!(Dedup::open(&world.cache, "a:b", DedupOptions::new()).is_err());
    let narrow = Cache::builder().max_value(4_096).build().unwrap();
    let refused = Dedup::open(&narrow, "stills", DedupOptions::new()).unwrap_err();
    assert_eq!(refused.context("setting"), Some("max_value"));
    let dedup = dedup_of(&world);
    let foreign = PictureHash::new([0; 4], Method::Mean.bits());
    assert_eq!(dedup.check_hash("v", at(1), &foreign, 1).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_handle_that_may_not_write_there_opens_none() {
    let world = World::new();
    let handle = world.cache.restricted(Access::new().read("*")).unwrap();
    assert_eq!(Dedup::open(&handle, "stills", DedupOptions::new()).unwrap_err().kind(), ErrorKind::Denied);
}
