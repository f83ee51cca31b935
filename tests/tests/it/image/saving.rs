//! What is saved, said for each kind of original.

use cached_runtime::image::WebP;
use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;

use super::pictures::{decoded, folder, nearness, photographs_in, written};
use super::synthetic::{frame, gradient};

/// What is to be saved where the original has not lost anything yet, or has nothing to lose.
const AIM: f64 = 0.884;

/// 5,429 bytes.
const FLAT: &[u8] = include_bytes!("data/red.jpg");

/// What a batch of these saves at quality 85, and how near the pictures stay, in decibels.
async fn saved(what: &str, originals: Vec<Vec<u8>>) -> f64 {
    let count = originals.len();
    let report = WebP::new().quality(85).batch(originals.clone()).await.unwrap();
    let (bytes_in, bytes_out, kept, saving) = (report.bytes_in, report.bytes_out, report.kept, report.saving());
    let near = |(original, converted): (Vec<u8>, cached_runtime::image::Converted)| {
        nearness(&decoded(&original), &decoded(&converted.bytes)).min(99.0)
    };
    let pairs = originals.into_iter().zip(report.complete().unwrap());
    let near: f64 = pairs.map(near).sum::<f64>() / count as f64;
    say(format_args!(
        "{what:<56} {count:>3} {bytes_in:>11} → {bytes_out:>9} bytes, {:>5.1} % less, {kept} kept, {near:.1} dB",
        saving * 100.0
    ));
    saving
}

#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn say(line: std::fmt::Arguments<'_>) {
    println!("{line}");
}

#[tokio::test]
async fn pictures_without_loss_are_nearly_nine_tenths_smaller_and_jpegs_a_third() {
    let small: Vec<Vec<u8>> = photographs_in(&folder()).into_iter().map(|(_, photograph)| photograph).collect();
    let large: Vec<Vec<u8>> =
        photographs_in(&folder().join("large")).into_iter().map(|(_, photograph)| photograph).collect();
    let as_format = |originals: &[Vec<u8>], format| -> Vec<Vec<u8>> {
        originals.iter().map(|original| written(&decoded(original), format)).collect()
    };
    let as_jpeg = |originals: &[Vec<u8>], quality| -> Vec<Vec<u8>> {
        let again = |original: &Vec<u8>| {
            let mut out = Vec::new();
            JpegEncoder::new_with_quality(&mut out, quality).encode_image(&decoded(original)).unwrap();
            out
        };
        originals.iter().map(again).collect()
    };
    let jpeg = saved("photographs, JPEG of quality 90, to 400 pixels", small.clone()).await;
    let jpeg_large = saved("photographs, JPEG of quality 91 and 92, from 1,280 pixels", large.clone()).await;
    let best = saved("photographs, JPEG of quality 100, from 1,280 pixels", as_jpeg(&large, 100)).await;
    let png = saved("photographs, PNG, to 400 pixels", as_format(&small, ImageFormat::Png)).await;
    let png_large = saved("photographs, PNG, from 1,280 pixels", as_format(&large, ImageFormat::Png)).await;
    let bmp = saved("photographs, BMP, to 400 pixels", as_format(&small, ImageFormat::Bmp)).await;
    let bmp_large = saved("photographs, BMP, from 1,280 pixels", as_format(&large, ImageFormat::Bmp)).await;
    let drawn = saved("a gradient, PNG", vec![gradient()]).await;
    let frame = saved("a drawn frame, JPEG of quality 95", vec![frame()]).await;
    let flat = saved("640 × 480 pixels of one colour, JPEG of quality 75", vec![FLAT.to_vec()]).await;
    assert!(jpeg > 0.15 && jpeg_large > 0.30 && best > 0.60, "{jpeg} {jpeg_large} {best}");
    assert!(png > 0.86 && png_large > AIM, "{png} {png_large}");
    assert!(bmp > AIM && bmp_large > 0.93, "{bmp} {bmp_large}");
    assert!(drawn > 0.3 && frame > 0.8 && flat > AIM, "{drawn} {frame} {flat}");
}
