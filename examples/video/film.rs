//! Films made of real pictures: each is seen for a while, and moves and flickers a little as a camera's does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, imageops};

/// A film has so many scenes, and a scene so many frames.
pub const SCENES: usize = 15;
pub const SHOTS: usize = 8;

/// A frame as the camera gives it.
pub struct Shot {
    pub at: Duration,
    /// Which picture it was made from: what a person would call the same.
    pub scene: usize,
    pub jpeg: Vec<u8>,
}

pub struct Film {
    pub name: String,
    /// What is seen in each scene.
    pub titles: Vec<String>,
    pub shots: Vec<Shot>,
}

/// The pictures that ship with the examples, in order.
fn pictures() -> anyhow::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/pictures");
    let files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files = files.collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jpg"));
    files.sort();
    Ok(files)
}

pub fn films() -> anyhow::Result<Vec<Film>> {
    let pictures = pictures()?;
    let films = pictures.chunks_exact(SCENES).enumerate();
    films.map(|(number, pictures)| film(format!("film-{}", number + 1), pictures)).collect()
}

fn film(name: String, pictures: &[PathBuf]) -> anyhow::Result<Film> {
    let (mut titles, mut shots) = (Vec::new(), Vec::new());
    for (scene, path) in pictures.iter().enumerate() {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        titles.push(stem.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').replace('-', " "));
        let picture = image::open(path)?;
        for shot in 0..SHOTS {
            let at = Duration::from_millis(((scene * SHOTS + shot) * 500) as u64);
            shots.push(Shot { at, scene, jpeg: jpeg(&moved(&picture, shot))? });
        }
    }
    Ok(Film { name, titles, shots })
}

/// The same scene half a second later: shifted by a pixel or two, a little nearer, a little lighter or darker.
fn moved(picture: &DynamicImage, shot: usize) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let cut = |left: u32, top: u32, right: u32, bottom: u32| {
        picture.crop_imm(left, top, width - left - right, height - top - bottom)
    };
    match shot {
        1 => cut(2, 0, 0, 0),
        2 => cut(0, 2, 0, 0),
        3 => cut(width / 60, height / 60, width / 60, height / 60),
        4 => picture.brighten(8),
        5 => picture.brighten(-8),
        6 => cut(0, 0, 2, 2).brighten(5),
        7 => DynamicImage::ImageRgba8(imageops::blur(picture, 0.6)),
        _ => picture.clone(),
    }
}

fn jpeg(picture: &DynamicImage) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&picture.to_rgb8())?;
    Ok(bytes)
}
