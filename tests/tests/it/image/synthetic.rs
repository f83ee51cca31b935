//! Pictures that nobody took: a gradient, and a frame of flat shapes on one.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, Rgb, RgbImage};

use super::pictures::png;

fn shaded(width: u32, height: u32) -> RgbImage {
    let part = |of: u32, all: u32| u8::try_from(of * 255 / all).unwrap();
    RgbImage::from_fn(width, height, |x, y| Rgb([part(x, width), part(y, height), 128]))
}

/// A gradient of 640 × 360, as PNG.
pub(super) fn gradient() -> Vec<u8> {
    png(&DynamicImage::from(shaded(640, 360)))
}

/// A frame of 320 × 180 with some shapes on a gradient, as JPEG.
pub(super) fn frame() -> Vec<u8> {
    let mut picture = shaded(320, 180);
    for (left, top, colour) in [(30, 30, [220, 40, 40]), (120, 60, [40, 200, 60]), (210, 90, [40, 60, 220])] {
        for (x, y) in (0..60).flat_map(|x| (0..50).map(move |y| (x, y))) {
            picture.put_pixel(left + x, top + y, Rgb(colour));
        }
    }
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 95).encode_image(&picture).unwrap();
    out
}
