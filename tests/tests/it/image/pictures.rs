//! What the tests of pictures look at.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

/// The photographs of the repository.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/pictures")
}

/// All photographs in one folder, by name.
pub(super) fn photographs_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "jpg")).collect();
    paths.sort();
    let read = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
    paths.into_iter().map(read).collect()
}

pub(super) fn photograph() -> Vec<u8> {
    fs::read(folder().join("51-louvre.jpg")).unwrap()
}

pub(super) fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

pub(super) fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

pub(super) fn png(picture: &DynamicImage) -> Vec<u8> {
    written(picture, ImageFormat::Png)
}

/// A drawing with a place of its own for each colour, and holes if asked for.
pub(super) fn drawing(width: u32, height: u32, holes: bool) -> DynamicImage {
    let byte = |number: u32| u8::try_from(number % 256).unwrap();
    let picture = RgbaImage::from_fn(width, height, |x, y| {
        let alpha = if holes && (x / 8 + y / 8) % 3 == 0 { byte(x * 5) } else { u8::MAX };
        Rgba([byte(x * 3), byte(y * 5), byte((x + y) * 2), alpha])
    });
    if holes { picture.into() } else { DynamicImage::from(picture).into_rgb8().into() }
}

/// How near two pictures are, in decibels: 30 is what lossy formats are used at, alike is infinite.
pub(super) fn nearness(one: &DynamicImage, other: &DynamicImage) -> f64 {
    let (one, other) = (one.to_rgb8(), other.to_rgb8());
    assert_eq!(one.dimensions(), other.dimensions());
    let square = |(a, b): (&u8, &u8)| f64::from(i32::from(*a) - i32::from(*b)).powi(2);
    let squares: f64 = one.iter().zip(other.iter()).map(square).sum();
    10.0 * (255.0 * 255.0 / (squares / one.len() as f64)).log10()
}
