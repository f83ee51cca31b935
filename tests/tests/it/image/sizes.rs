//! Made smaller: within the room, in the same ratio, and never larger.

use cached_runtime::ErrorKind;
use cached_runtime::image::{Fault, Kept, Resize, WebP, fault};
use image::{DynamicImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::pictures::{decoded, drawing, photograph, png};

fn sized(original: &[u8], resize: Resize) -> (u32, u32) {
    let converted = WebP::new().resize(resize).never_larger(false).convert(original).unwrap();
    let seen = decoded(&converted.bytes);
    assert_eq!((seen.width(), seen.height()), (converted.width, converted.height));
    (converted.width, converted.height)
}

#[test]
fn the_side_that_binds_decides() {
    let wide = png(&drawing(120, 60, false));
    assert_eq!(sized(&wide, Resize::within(60, 60)), (60, 30));
    assert_eq!(sized(&wide, Resize::within(1_000, 20)), (40, 20));
    assert_eq!(sized(&wide, Resize::width(12)), (12, 6));
    assert_eq!(sized(&wide, Resize::height(15)), (30, 15));
    assert_eq!(sized(&wide, Resize::within(120, 60)), (120, 60));
    assert_eq!(sized(&wide, Resize::within(u32::MAX, u32::MAX)), (120, 60), "never larger");
    let thin = png(&drawing(300, 2, false));
    assert_eq!(sized(&thin, Resize::width(10)), (10, 1), "never without pixels");
}

#[test]
fn what_cannot_be_seen_colours_nothing_that_can() {
    // Green that is transparent beside red that is not.
    let picture = RgbaImage::from_fn(64, 64, |x, _| if x < 30 { Rgba([0, 255, 0, 0]) } else { Rgba([255, 0, 0, 255]) });
    let original = png(&DynamicImage::from(picture.clone()));
    let options = WebP::new().lossless(true).resize(Resize::width(16)).never_larger(false);
    let small = decoded(&options.convert(&original).unwrap().bytes).to_rgba8();
    let green = |picture: &RgbaImage| picture.pixels().filter(|p| p.0[3] > 0).map(|p| p.0[1]).max().unwrap();
    assert_eq!(green(&small), 0);
    assert!(small.pixels().any(|pixel| (1..255).contains(&pixel.0[3])), "there is an edge that was mixed");
    // The control: mixed as they are, they do.
    let naive = image::imageops::resize(&picture, 16, 16, image::imageops::FilterType::Lanczos3);
    assert!(green(&naive) > 0);
}

#[test]
fn a_small_original_is_kept_even_if_fewer_pixels_were_asked_for() {
    let original = png(&DynamicImage::new_rgb8(400, 300));
    let tiny = WebP::new().quality(100).lossless(true).convert(&original).unwrap();
    assert_eq!(tiny.kept, Kept::WebP);
    let resized = WebP::new().quality(100).resize(Resize::within(399, 300)).convert(&tiny.bytes).unwrap();
    assert_eq!((resized.kept, resized.width, resized.height), (Kept::Original, 400, 300));
}

#[test]
fn what_is_too_long_for_webp_is_refused_unless_it_is_made_smaller() {
    let long = png(&DynamicImage::new_luma8(16_384, 3));
    let error = WebP::new().convert(&long).unwrap_err();
    assert_eq!((error.kind(), fault(&error)), (ErrorKind::TooLarge, Some(Fault::TooLong)));
    assert!(error.to_string().contains("16384 × 3"), "{error}");
    assert_eq!(sized(&long, Resize::width(16_383)), (16_383, 3));
}

#[test]
fn a_photograph_becomes_a_thumbnail() {
    let original = photograph();
    let small = WebP::new().resize(Resize::within(100, 100)).convert(&original).unwrap();
    assert_eq!((small.kept, small.width, small.height), (Kept::WebP, 100, 56));
    assert!(small.bytes.len() * 4 < original.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_picture_fits_into_any_room_in_its_ratio(
        width in 1_u32..200,
        height in 1_u32..200,
        room_width in 1_u32..220,
        room_height in 1_u32..220,
    ) {
        let original = png(&DynamicImage::new_luma8(width, height));
        let (w, h) = sized(&original, Resize::within(room_width, room_height));
        prop_assert!(w <= room_width && h <= room_height && w <= width && h <= height);
        // Exact, or half a pixel off on one side; a side of less than a pixel has one.
        let off = |w: u32, h: u32, width: u32, height: u32| {
            (f64::from(w) / f64::from(width) * f64::from(height) - f64::from(h)).abs()
        };
        let off = off(w, h, width, height).min(off(h, w, height, width));
        prop_assert!(off <= 0.5 || w == 1 || h == 1, "{width}×{height} became {w}×{h}");
        let fills = w == width && h == height || w == room_width || h == room_height;
        prop_assert!(fills, "{width}×{height} became {w}×{h} in {room_width}×{room_height}");
    }
}
