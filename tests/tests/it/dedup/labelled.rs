//! Photographs and drawings of different things, each as it may come again: which are found to be the same?

use std::path::Path;
use std::time::Duration;

use cached_runtime::dedup::{Dedup, DedupOptions, Method, PictureHash};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};

use super::{encoded, mixed};
use crate::rig::World;

/// Each edit by its name.
const EDITS: [&str; 13] = [
    "shifted by 2 pixels",
    "shifted by 4 pixels",
    "cropped by 3 %",
    "cropped by 5 %",
    "brighter by 10 %",
    "darker by 10 %",
    "JPEG of quality 50",
    "scaled to a half",
    "blurred a little",
    "with noise",
    "with more contrast",
    "with another gamma",
    "with a watermark",
];

/// Each level of each channel made another.
fn levels(picture: &RgbImage, level: impl Fn(f32) -> f32) -> RgbImage {
    let table: Vec<u8> = (0..=u8::MAX).map(|old| level(f32::from(old)).round().clamp(0.0, 255.0) as u8).collect();
    let bytes = picture.as_raw().iter().map(|&old| table[usize::from(old)]).collect();
    RgbImage::from_raw(picture.width(), picture.height(), bytes).unwrap()
}

/// Moved to the right, and down or up; the edges are drawn out.
fn shifted(picture: &RgbImage, right: i64, down: i64) -> RgbImage {
    let (width, height) = picture.dimensions();
    let inside = |place: i64, size: u32| place.clamp(0, i64::from(size) - 1) as u32;
    RgbImage::from_fn(width, height, |x, y| {
        *picture.get_pixel(inside(i64::from(x) - right, width), inside(i64::from(y) - down, height))
    })
}

fn cropped(picture: &RgbImage, part: f32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let (x, y) = ((width as f32 * part / 2.0) as u32, (height as f32 * part / 2.0) as u32);
    DynamicImage::from(picture.clone()).crop_imm(x, y, width - 2 * x, height - 2 * y).to_rgb8()
}

fn as_jpeg(picture: &RgbImage, quality: u8) -> RgbImage {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).unwrap();
    image::load_from_memory(&bytes).unwrap().to_rgb8()
}

/// Noise of about 8 levels in every channel.
fn noisy(picture: &RgbImage, seed: u64) -> RgbImage {
    let mut bytes = picture.as_raw().clone();
    for (place, chunk) in bytes.chunks_mut(8).enumerate() {
        let random = mixed(seed << 32 | place as u64).to_le_bytes();
        for (level, random) in chunk.iter_mut().zip(random) {
            // Even from -14 to 14: a standard deviation of 8.
            *level = level.saturating_add_signed((i16::from(random % 29) - 14) as i8);
        }
    }
    RgbImage::from_raw(picture.width(), picture.height(), bytes).unwrap()
}

fn watermarked(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut marked = picture.clone();
    for y in height - height / 10..height - height / 20 {
        for x in width - width / 4..width - width / 20 {
            marked.get_pixel_mut(x, y).0.iter_mut().for_each(|level| *level = *level / 2 + 127);
        }
    }
    marked
}

fn edited(picture: &RgbImage, seed: u64) -> [RgbImage; EDITS.len()] {
    let (width, height) = picture.dimensions();
    let whole = DynamicImage::from(picture.clone());
    [
        shifted(picture, 2, 1),
        shifted(picture, -4, 3),
        cropped(picture, 0.03),
        cropped(picture, 0.05),
        levels(picture, |level| level * 1.1),
        levels(picture, |level| level * 0.9),
        as_jpeg(picture, 50),
        whole.resize_exact(width / 2, height / 2, FilterType::Triangle).to_rgb8(),
        whole.blur(1.2).to_rgb8(),
        noisy(picture, seed),
        levels(picture, |level| (level - 128.0) * 1.1 + 128.0),
        levels(picture, |level| 255.0 * (level / 255.0).powf(0.9)),
        watermarked(picture),
    ]
}

/// The pictures of the examples, in the order of their names.
fn pictures() -> Vec<RgbImage> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/pictures");
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    paths.sort();
    paths.iter().map(|path| image::open(path).unwrap().to_rgb8()).collect()
}

/// Pictures of one colour, as films have them between their parts, each with the grain of a camera.
fn flats() -> Vec<RgbImage> {
    let colours = [[0; 3], [255; 3], [128; 3], [30; 3], [0, 0, 160], [160, 0, 0], [20, 90, 20], [225, 200, 170]];
    let grain = |colour: [u8; 3], seed: u64| {
        let mut bytes: Vec<u8> = colour.iter().copied().cycle().take(320 * 180 * 3).collect();
        for (place, level) in (0_u64..).zip(&mut bytes) {
            *level = level.saturating_add_signed((mixed(seed << 32 | place) % 5) as i8 - 2);
        }
        RgbImage::from_raw(320, 180, bytes).unwrap()
    };
    colours.into_iter().zip(1_000..).map(|(colour, seed)| grain(colour, seed)).collect()
}

/// What was found, over all pairs of the set.
#[derive(Debug, Default)]
struct Found {
    right: u64,
    wrong: u64,
    missed: u64,
    /// Of each edit, how often it was found to be the same as its original.
    edits: [u64; EDITS.len()],
}

impl Found {
    /// Each original and its edits, in order.
    fn of(set: &[Vec<PictureHash>], similarity: f64) -> Self {
        let mut found = Self::default();
        let all: Vec<(usize, usize, &PictureHash)> = set
            .iter()
            .enumerate()
            .flat_map(|(thing, hashes)| hashes.iter().enumerate().map(move |(edit, hash)| (thing, edit, hash)))
            .collect();
        for (place, (thing, edit, hash)) in all.iter().enumerate() {
            for (other_thing, other_edit, other) in &all[place + 1..] {
                let alike = hash.similarity(other) >= similarity - 1e-9;
                match (alike, thing == other_thing) {
                    (true, true) => found.right += 1,
                    (true, false) => found.wrong += 1,
                    (false, true) => found.missed += 1,
                    (false, false) => {}
                }
                if alike && thing == other_thing && *edit == 0 {
                    found.edits[other_edit - 1] += 1;
                }
            }
        }
        found
    }

    fn precision(&self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.right as f64 / (self.right + self.missed).max(1) as f64
    }

    /// Of the edits, how many were found to be the same as their originals.
    fn of_originals(&self, originals: usize) -> f64 {
        self.edits.iter().sum::<u64>() as f64 / (originals * EDITS.len()) as f64
    }
}

async fn hashes(dedup: &Dedup, set: &[Vec<Vec<u8>>]) -> Vec<Vec<PictureHash>> {
    let mut hashes = Vec::new();
    for variants in set {
        let mut of_one = Vec::new();
        for bytes in variants {
            of_one.push(dedup.hash(bytes.clone()).await.unwrap());
        }
        hashes.push(of_one);
    }
    hashes
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn precision_and_recall() {
    let originals = pictures();
    assert!(originals.len() >= 50, "only {} pictures", originals.len());
    let (flats, bytes) = (flats(), |picture: &RgbImage| encoded(picture, ImageFormat::Bmp));
    let set: Vec<Vec<Vec<u8>>> = originals
        .iter()
        .chain(&flats)
        .zip(0..)
        .map(|(picture, seed)| std::iter::once(picture).chain(&edited(picture, seed)).map(bytes).collect())
        .collect();
    let world = World::near_only();
    let mut recalls = Vec::new();
    for method in [Method::Combined, Method::Mean] {
        let options = DedupOptions::new().method(method);
        let dedup = Dedup::open(&world.cache, &format!("{method:?}"), options).unwrap();
        let hashes = hashes(&dedup, &set).await;
        let found = Found::of(&hashes[..originals.len()], 0.95);
        let with_flats = Found::of(&hashes, 0.95);
        println!(
            "{method:?}, {} bits: precision {:.4} ({} pairs wrong), recall {:.3} of all pairs, {:.3} of originals and edits",
            method.bits(),
            found.precision(),
            found.wrong,
            found.recall(),
            found.of_originals(originals.len())
        );
        println!("    with pictures of one colour: precision {:.4}", with_flats.precision());
        for (edit, count) in EDITS.iter().zip(found.edits) {
            println!("    {edit:<22} {:.3}", count as f64 / originals.len() as f64);
        }
        if method == Method::default() {
            assert!(found.precision() >= 0.99 && with_flats.precision() >= 0.99, "{found:?}, {with_flats:?}");
            assert!(found.of_originals(originals.len()) >= 0.98, "{found:?}");
        }
        recalls.push(found.of_originals(originals.len()));
    }
    assert!(recalls[0] > recalls[1], "the default finds more than the mean hash: {recalls:?}");
}

/// A video of many shots, each seen several times: what is stored, and what is not.
#[tokio::test]
async fn of_each_shot_one_picture_is_stored() {
    let world = World::near_only();
    let dedup = Dedup::open(&world.cache, "shots", DedupOptions::new()).unwrap();
    let (mut second, mut stored, mut missed) = (0, 0_usize, 0);
    let shots = pictures();
    let shots = &shots[..24];
    for (seed, shot) in (0..).zip(shots) {
        for (turn, picture) in [shot.clone(), noisy(shot, seed), as_jpeg(shot, 60)].iter().enumerate() {
            let at = Duration::from_secs(second);
            let checked = dedup.check_frame("film", at, encoded(picture, ImageFormat::Bmp)).await.unwrap();
            stored += usize::from(!checked.is_duplicate());
            missed += usize::from(turn > 0 && !checked.is_duplicate());
            if let Some(original) = checked.original() {
                assert_eq!(original.as_secs() / 3, second / 3, "a picture of its own shot");
            }
            second += 1;
        }
    }
    assert_eq!(stored - missed, shots.len(), "no shot was taken for another");
    assert!(missed <= 1, "{missed} of {} missed", 2 * shots.len());
    assert_eq!(dedup.stats().duplicates as usize, 2 * shots.len() - missed);
}
