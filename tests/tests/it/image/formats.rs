//! What goes in, and what stays of it.

use cached_runtime::image::{Format, Kept, WebP};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageFormat};
use proptest::prelude::*;
use std::io::Cursor;

use super::pictures::{decoded, drawing, nearness, photograph, photographs_in, png, written};

const INKS: &[u8] = include_bytes!("data/inks.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("data/progressive.jpg");
const PALETTE: &[u8] = include_bytes!("data/palette.png");
const PALETTE_GIF: &[u8] = include_bytes!("data/palette.gif");

/// Bit for bit, whatever it costs.
fn exact() -> WebP {
    WebP::new().lossless(true).never_larger(false)
}

#[test]
fn each_format_goes_in_and_the_same_pixels_come_out() {
    let picture = drawing(90, 60, false);
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        let converted = exact().convert(&written(&picture, format)).unwrap();
        assert_eq!((converted.kept, converted.format), (Kept::WebP, Format::WebP), "{format:?}");
        assert_eq!(Format::of(&converted.bytes), Some(Format::WebP));
        assert_eq!(decoded(&converted.bytes), picture, "{format:?}");
    }
    // These two lose something when they are written, and nothing after.
    for format in [ImageFormat::Jpeg, ImageFormat::Gif] {
        let original = written(&picture, format);
        let converted = exact().convert(&original).unwrap();
        assert_eq!(decoded(&converted.bytes).to_rgb8(), decoded(&original).to_rgb8(), "{format:?}");
    }
}

#[test]
fn a_lossy_picture_is_near_the_original_the_more_so_the_better_its_quality() {
    let original = photograph();
    let near = |quality| {
        let converted = WebP::new().quality(quality).never_larger(false).convert(&original).unwrap();
        (nearness(&decoded(&converted.bytes), &decoded(&original)), converted.bytes.len())
    };
    let ((poor, small), (good, large)) = (near(20), near(95));
    assert!(poor < good && good > 33.0, "{poor:.1} dB, {good:.1} dB");
    assert!(small < large, "{small} and {large} bytes");
}

#[test]
fn a_picture_of_few_colours_loses_nothing_if_that_is_smaller() {
    let few =
        image::RgbImage::from_fn(200, 100, |x, y| image::Rgb([(x / 50 * 60) as u8, (y / 25 * 60) as u8, 0])).into();
    let converted = WebP::new().convert(&png(&few)).unwrap();
    assert_eq!(decoded(&converted.bytes), few);
    // The control: with more colours it does.
    let many = drawing(200, 100, false);
    assert_ne!(decoded(&WebP::new().convert(&png(&many)).unwrap().bytes), many);
}

#[test]
fn what_is_transparent_stays_so() {
    let picture = drawing(64, 48, true);
    let lossy = WebP::new().never_larger(false).convert(&png(&picture)).unwrap();
    let (before, after) = (picture.to_rgba8(), decoded(&lossy.bytes).to_rgba8());
    let alphas = |picture: &image::RgbaImage| picture.pixels().map(|pixel| pixel.0[3]).collect::<Vec<_>>();
    assert_eq!(alphas(&before), alphas(&after), "alpha is kept exactly also by lossy pictures");
    // An alpha that hides nothing is not carried along.
    let opaque = DynamicImage::from(drawing(64, 48, false).to_rgba8());
    let converted = exact().convert(&png(&opaque)).unwrap();
    assert!(!decoded(&converted.bytes).color().has_alpha());
}

#[test]
fn palettes_with_a_transparent_colour_are_read() {
    for original in [PALETTE, PALETTE_GIF] {
        let picture = decoded(&exact().convert(original).unwrap().bytes).to_rgba8();
        assert_eq!(picture.get_pixel(2, 2).0, [255, 0, 0, 255]);
        assert_eq!(picture.get_pixel(20, 2).0[3], 0);
    }
}

#[test]
fn greys_and_sixteen_bits_become_eight_bits_of_rgb() {
    let picture = drawing(40, 30, false);
    let eight = decoded(&exact().convert(&png(&picture.to_luma8().into())).unwrap().bytes);
    assert_eq!(eight, DynamicImage::from(picture.to_luma8()).to_rgb8().into());
    let holes = drawing(40, 30, true);
    let grey_with_alpha = DynamicImage::from(holes.to_luma_alpha8());
    assert_eq!(decoded(&exact().convert(&png(&grey_with_alpha)).unwrap().bytes), grey_with_alpha.to_rgba8().into());
    // 16 bits that came of 8 are those 8 again.
    let sixteen = DynamicImage::from(picture.to_rgb16());
    assert_eq!(decoded(&exact().convert(&png(&sixteen)).unwrap().bytes), picture);
    let sixteen = DynamicImage::from(holes.to_rgba16());
    assert_eq!(decoded(&exact().convert(&png(&sixteen)).unwrap().bytes), holes);
}

#[test]
fn inks_become_the_colours_they_print() {
    let picture = decoded(&exact().convert(INKS).unwrap().bytes).to_rgb8();
    for (x, y, [r, g, b]) in [(8, 8, [0, 255, 255]), (24, 8, [255, 0, 255]), (8, 24, [255, 255, 0]), (24, 24, [0; 3])] {
        let seen = picture.get_pixel(x, y).0;
        let near = seen.iter().zip([r, g, b]).all(|(a, b): (&u8, u8)| a.abs_diff(b) < 16);
        assert!(near, "at {x}, {y} {seen:?} and not {:?}", [r, g, b]);
    }
}

#[test]
fn a_progressive_jpeg_is_a_jpeg() {
    let converted = exact().convert(PROGRESSIVE).unwrap();
    assert_eq!(decoded(&converted.bytes).to_rgb8(), decoded(PROGRESSIVE).to_rgb8());
}

#[test]
fn a_colour_profile_is_carried_over_and_nothing_else() {
    let mut profile = vec![0; 201];
    profile[16..20].copy_from_slice(b"RGB ");
    profile[36..40].copy_from_slice(b"acsp");
    let camera = b"Camera of somebody, at home".to_vec();
    for (holes, lossless) in [(false, false), (false, true), (true, false), (true, true)] {
        let picture = drawing(50, 30, holes);
        let mut original = Vec::new();
        let mut encoder = PngEncoder::new(&mut original);
        encoder.set_icc_profile(profile.clone()).unwrap();
        encoder.set_exif_metadata(camera.clone()).unwrap();
        encoder.write_image(picture.as_bytes(), 50, 30, picture.color().into()).unwrap();
        let converted = WebP::new().lossless(lossless).never_larger(false).convert(&original).unwrap();
        let mut decoder = WebPDecoder::new(Cursor::new(&converted.bytes[..])).unwrap();
        assert_eq!(decoder.icc_profile().unwrap(), Some(profile.clone()));
        assert_eq!(decoder.exif_metadata().unwrap(), None);
        assert_eq!(decoder.dimensions(), (50, 30));
        assert_eq!(decoder.color_type().has_alpha(), holes);
        if lossless {
            assert_eq!(decoded(&converted.bytes), picture);
        }
        assert!(!converted.bytes.windows(6).any(|window| window == b"Camera"));
        // Again into WebP, from WebP.
        let again = WebP::new().lossless(true).never_larger(false).convert(&converted.bytes).unwrap();
        let mut decoder = WebPDecoder::new(Cursor::new(&again.bytes[..])).unwrap();
        assert_eq!(decoder.icc_profile().unwrap(), Some(profile.clone()));
    }
}

#[test]
fn a_profile_longer_than_any_is_not_carried() {
    for (bytes, is_carried) in [(4 << 20, true), ((4 << 20) + 1, false)] {
        let mut profile = vec![0; bytes];
        profile[16..20].copy_from_slice(b"RGB ");
        profile[36..40].copy_from_slice(b"acsp");
        let picture = drawing(50, 30, false);
        let (mut png, mut jpeg) = (Vec::new(), Vec::new());
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_icc_profile(profile.clone()).unwrap();
        encoder.write_image(picture.as_bytes(), 50, 30, picture.color().into()).unwrap();
        let mut encoder = JpegEncoder::new(&mut jpeg);
        encoder.set_icc_profile(profile).unwrap();
        encoder.write_image(picture.as_bytes(), 50, 30, picture.color().into()).unwrap();
        for original in [png, jpeg] {
            let converted = WebP::new().never_larger(false).convert(&original).unwrap();
            let found = WebPDecoder::new(Cursor::new(&converted.bytes[..])).unwrap().icc_profile().unwrap();
            assert_eq!(found.map(|found| found.len()), is_carried.then_some(bytes));
        }
    }
}

#[test]
fn a_profile_for_greys_is_not_given_to_colours() {
    let mut profile = vec![0; 200];
    profile[16..20].copy_from_slice(b"GRAY");
    profile[36..40].copy_from_slice(b"acsp");
    let grey = drawing(50, 30, false).to_luma8();
    let mut original = Vec::new();
    let mut encoder = JpegEncoder::new(&mut original);
    encoder.set_icc_profile(profile).unwrap();
    encoder.write_image(&grey, 50, 30, image::ExtendedColorType::L8).unwrap();
    let converted = WebP::new().never_larger(false).convert(&original).unwrap();
    assert_eq!(WebPDecoder::new(Cursor::new(&converted.bytes[..])).unwrap().icc_profile().unwrap(), None);
}

#[test]
fn what_would_be_no_smaller_stays_as_it_is() {
    // A JPEG that has lost nearly all it had, to be kept nearly as it is.
    let mut poor = Vec::new();
    JpegEncoder::new_with_quality(&mut poor, 5).encode_image(&decoded(&photograph())).unwrap();
    let kept = WebP::new().quality(100).convert(&poor).unwrap();
    assert_eq!((kept.kept, kept.format), (Kept::Original, Format::Jpeg));
    assert_eq!(kept.bytes, poor);
    assert_eq!((kept.width, kept.height), (320, 180));
    assert!((kept.ratio() - 1.0).abs() < f64::EPSILON && kept.saving().abs() < f64::EPSILON);
    let larger = WebP::new().quality(100).never_larger(false).convert(&poor).unwrap();
    assert_eq!((larger.kept, larger.format), (Kept::WebP, Format::WebP));
    assert!(larger.bytes.len() > poor.len() && larger.ratio() > 1.0);
    for (name, photograph) in photographs_in(&super::pictures::folder()) {
        for options in [WebP::new(), WebP::new().lossless(true).effort(0)] {
            let converted = options.effort(0).convert(&photograph).unwrap();
            assert!(converted.bytes.len() <= photograph.len(), "{name}");
            assert_eq!(converted.kept == Kept::Original, converted.bytes == photograph, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn lossless_pictures_are_the_same_to_the_bit(
        width in 1_u32..24,
        height in 1_u32..24,
        effort in 0_u8..=6,
        holes in any::<bool>(),
        noise in proptest::collection::vec(any::<u8>(), 24 * 24 * 4),
    ) {
        let pixels = (width * height * 4) as usize;
        let mut picture = image::RgbaImage::from_raw(width, height, noise[..pixels].to_vec()).unwrap();
        if !holes {
            picture.pixels_mut().for_each(|pixel| pixel.0[3] = u8::MAX);
        }
        let converted = exact().effort(effort).convert(&png(&picture.clone().into())).unwrap();
        prop_assert_eq!(decoded(&converted.bytes).to_rgba8(), picture);
    }

    #[test]
    fn lossy_pictures_keep_their_size_and_are_never_larger(
        width in 1_u32..80,
        height in 1_u32..80,
        quality in 0_u8..=100,
        holes in any::<bool>(),
    ) {
        let original = png(&drawing(width, height, holes));
        let converted = WebP::new().quality(quality).convert(&original).unwrap();
        prop_assert_eq!((converted.width, converted.height), (width, height));
        prop_assert!(converted.bytes.len() <= original.len());
        let seen = decoded(&converted.bytes);
        prop_assert_eq!((seen.width(), seen.height()), (width, height));
    }
}
