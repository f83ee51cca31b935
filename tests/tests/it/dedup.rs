//! Pictures that are all but equal are found, and only they; what is known of a video outlives the process, and goes with
//! the video.

mod bounds;
mod damaged;
mod forget;
mod gone;
mod index;
mod kept;
mod labelled;
mod race;

use std::io::Cursor;
use std::time::Duration;

use cached_runtime::dedup::{Checked, Dedup, DedupOptions, PictureHash};
use image::{ImageFormat, Rgb, RgbImage};

use crate::rig::World;

/// The deduplication of a world.
fn dedup_of(world: &World) -> Dedup {
    Dedup::open(&world.cache, "stills", DedupOptions::new()).unwrap()
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A number that looks like chance.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A picture of large squares, unlike that of any other number.
fn scene(seed: u64) -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| {
        let cell = mixed(seed << 8 | u64::from(y / 16 * 6 + x / 16)).to_le_bytes();
        Rgb([cell[0], cell[1], cell[2]])
    })
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The picture of this number, and once more as it may come back.
fn png(seed: u64) -> Vec<u8> {
    encoded(&scene(seed), ImageFormat::Png)
}

fn jpeg(seed: u64) -> Vec<u8> {
    encoded(&scene(seed), ImageFormat::Jpeg)
}

/// A hash unlike that of any other number.
fn hash(seed: u64) -> PictureHash {
    PictureHash::new(std::array::from_fn(|i| mixed(seed << 8 | i as u64)), 224)
}

#[tokio::test]
async fn a_picture_that_comes_again_is_a_duplicate_of_the_first() {
    let world = World::new();
    let dedup = dedup_of(&world);
    assert_eq!(dedup.check_frame("intro", at(1), png(1)).await.unwrap(), Checked::New);
    assert_eq!(dedup.check_frame("intro", at(2), png(2)).await.unwrap(), Checked::New);
    let again = dedup.check_frame("intro", at(3), jpeg(1)).await.unwrap();
    assert_eq!(again, Checked::DuplicateOf(at(1)), "as JPEG, too");
    assert_eq!(dedup.check_frame("outro", at(3), png(1)).await.unwrap(), Checked::New, "another video");
    let saved = jpeg(1).len() as u64;
    let stats = dedup.video_stats("intro").await;
    assert_eq!((stats.frames, stats.originals, stats.duplicates, stats.bytes_saved), (3, 2, 1, saved));
    let stats = dedup.stats();
    assert_eq!((stats.frames, stats.new, stats.duplicates, stats.again, stats.bytes_saved), (4, 3, 1, 0, saved));
    assert_eq!(stats.videos, 2);
}

#[tokio::test]
async fn a_timestamp_that_is_checked_again_gets_the_answer_of_then() {
    let world = World::new();
    let dedup = dedup_of(&world);
    for _ in 0..2 {
        assert_eq!(dedup.check_frame("v", at(1), png(1)).await.unwrap(), Checked::New, "and not its own duplicate");
        assert_eq!(dedup.check_frame("v", at(2), png(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
    }
    assert_eq!(dedup.check_frame("v", at(2), png(7)).await.unwrap(), Checked::DuplicateOf(at(1)), "whatever it is now");
    let stats = dedup.stats();
    assert_eq!((stats.frames, stats.new, stats.duplicates, stats.again), (5, 1, 1, 3));
    assert_eq!(dedup.video_stats("v").await.frames, 2);
}

#[tokio::test]
async fn a_file_is_checked_as_its_bytes_are() {
    let (world, dir) = (World::new(), tempfile::TempDir::new().unwrap());
    let dedup = dedup_of(&world);
    let path = dir.path().join("a.png");
    std::fs::write(&path, png(1)).unwrap();
    assert_eq!(dedup.check_frame_duplicate("v", at(1), &path).await.unwrap(), (false, None));
    assert_eq!(dedup.check_frame_duplicate("v", at(2), &path).await.unwrap(), (true, Some(at(1))));
    let missing = dedup.check_frame_duplicate("v", at(3), dir.path().join("none")).await.unwrap_err();
    assert_eq!((missing.context("video"), missing.context("timestamp")), (Some("v"), Some("3s")));
}

#[tokio::test]
async fn every_format_that_is_named_is_read() {
    let world = World::new();
    let dedup = dedup_of(&world);
    dedup.check_frame("v", at(0), png(1)).await.unwrap();
    let formats = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif];
    for (format, second) in formats.into_iter().zip(1..) {
        let checked = dedup.check_frame("v", at(second), encoded(&scene(1), format)).await.unwrap();
        assert_eq!(checked, Checked::DuplicateOf(at(0)), "{format:?}");
    }
}

#[tokio::test]
async fn handles_of_one_name_share_what_is_known_and_its_options() {
    let world = World::new();
    let (one, other) = (dedup_of(&world), dedup_of(&world));
    one.check_frame("v", at(1), png(1)).await.unwrap();
    assert_eq!(other.check_frame("v", at(2), png(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
    let stricter = DedupOptions::new().similarity(0.99);
    let refused = Dedup::open(&world.cache, "stills", stricter.clone()).unwrap_err();
    assert_eq!(refused.context("namespace"), Some("stills"));
    let apart = Dedup::open(&world.cache, "strict", stricter).unwrap();
    assert_eq!(apart.check_frame("v", at(2), png(1)).await.unwrap(), Checked::New);
}
