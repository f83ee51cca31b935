//! A picture lies as its EXIF says, in all eight ways.

use cached_runtime::image::{Kept, Resize, WebP};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage};

use super::pictures::decoded;

/// Three patches and black: no two of its eight positions look alike.
fn corners() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| {
        Rgb(match (x < 24, y < 16) {
            (true, true) => [255, 0, 0],
            (false, true) => [0, 255, 0],
            (true, false) => [0, 0, 255],
            (false, false) => [0, 0, 0],
        })
    })
}

/// The EXIF of one tag (TIFF 6.0, with its bytes in this order).
fn exif(orientation: u8, little: bool) -> Vec<u8> {
    let number = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
    let mut out = if little { b"II".to_vec() } else { b"MM".to_vec() };
    out.extend(number(42));
    out.extend(long(8));
    out.extend(number(1));
    out.extend(number(0x0112));
    out.extend(number(3));
    out.extend(long(1));
    out.extend(number(orientation.into()));
    out.extend(number(0));
    out.extend(long(0));
    out
}

/// How each of the eight is brought upright (EXIF 2.32, tag 274: where row 0 and column 0 are).
fn upright(picture: RgbImage, orientation: u8) -> RgbImage {
    let picture = DynamicImage::from(picture);
    match orientation {
        2 => picture.fliph(),
        3 => picture.rotate180(),
        4 => picture.flipv(),
        5 => picture.rotate90().fliph(),
        6 => picture.rotate90(),
        7 => picture.rotate270().fliph(),
        8 => picture.rotate270(),
        _ => picture,
    }
    .into_rgb8()
}

fn near(one: &RgbImage, other: &RgbImage) -> bool {
    // In the middle of each patch, where a lossy format has what was there.
    let (width, height) = one.dimensions();
    let places = [(width / 4, height / 4), (width * 3 / 4, height / 4), (width / 4, height * 3 / 4)];
    one.dimensions() == other.dimensions()
        && places.iter().all(|&(x, y)| {
            let pair = one.get_pixel(x, y).0.into_iter().zip(other.get_pixel(x, y).0);
            pair.into_iter().all(|(a, b)| a.abs_diff(b) < 60)
        })
}

fn jpeg(orientation: u8, little: bool) -> Vec<u8> {
    let mut original = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut original, 95);
    encoder.set_exif_metadata(exif(orientation, little)).unwrap();
    encoder.encode_image(&corners()).unwrap();
    original
}

#[test]
fn all_eight_orientations_are_brought_upright() {
    for orientation in 1..=8 {
        let expected = upright(corners(), orientation);
        for little in [true, false] {
            let converted = WebP::new().never_larger(false).convert(&jpeg(orientation, little)).unwrap();
            assert_eq!((converted.width, converted.height), expected.dimensions());
            let seen = decoded(&converted.bytes).into_rgb8();
            assert!(near(&seen, &expected), "orientation {orientation}");
            // The control: they differ from one another.
            let others = (1..=8).filter(|other| *other != orientation && near(&seen, &upright(corners(), *other)));
            assert_eq!(others.count(), 0, "orientation {orientation}");
        }
    }
}

#[test]
fn an_orientation_that_there_is_none_of_turns_nothing() {
    for orientation in [0, 9, 255] {
        let converted = WebP::new().never_larger(false).convert(&jpeg(orientation, true)).unwrap();
        assert!(near(&decoded(&converted.bytes).into_rgb8(), &corners()), "orientation {orientation}");
    }
}

#[test]
fn the_room_is_that_of_the_picture_as_it_is_seen() {
    let small = WebP::new().resize(Resize::height(24)).never_larger(false).convert(&jpeg(6, true)).unwrap();
    assert_eq!((small.width, small.height), (16, 24));
    assert!(near(&decoded(&small.bytes).into_rgb8(), &upright(decoded_corners(24, 16), 6)));
}

fn decoded_corners(width: u32, height: u32) -> RgbImage {
    image::imageops::resize(&corners(), width, height, image::imageops::FilterType::Nearest)
}

#[test]
fn an_original_that_is_kept_has_the_size_in_which_it_is_seen() {
    let poor = jpeg(6, true);
    let mut options = WebP::new().quality(100).lossless(true);
    let mut kept = options.convert(&poor).unwrap();
    if kept.kept == Kept::WebP {
        // Patches are small without loss: a picture that is smaller still.
        options = WebP::new().quality(100);
        kept = options.convert(&kept.bytes).unwrap();
    }
    assert_eq!((kept.kept, kept.width, kept.height), (Kept::Original, 32, 48));
}

#[test]
fn a_png_says_how_it_lies_in_the_same_way() {
    let mut original = Vec::new();
    let mut encoder = PngEncoder::new(&mut original);
    encoder.set_exif_metadata(exif(8, false)).unwrap();
    encoder.write_image(&corners(), 48, 32, ExtendedColorType::Rgb8).unwrap();
    let converted = WebP::new().lossless(true).never_larger(false).convert(&original).unwrap();
    assert_eq!(decoded(&converted.bytes).into_rgb8(), upright(corners(), 8));
}
