//! What is no picture, or too much of one, is refused by name.

use cached_runtime::image::{Fault, Images, Limits, Resize, WebP, fault};
use cached_runtime::{Cache, Error, ErrorKind};
use image::{DynamicImage, ImageFormat};

use super::pictures::{drawing, photograph, png, written};

const MOVING: [(&str, &[u8]); 3] = [
    ("GIF", include_bytes!("data/moving.gif")),
    ("PNG", include_bytes!("data/moving.png")),
    ("WebP", include_bytes!("data/moving.webp")),
];

fn refusal(original: &[u8]) -> (ErrorKind, Option<Fault>, Error) {
    let error = WebP::new().convert(original).unwrap_err();
    (error.kind(), fault(&error), error)
}

#[track_caller]
fn refused(original: &[u8], kind: ErrorKind, expected: Fault) -> Error {
    let (seen, found, error) = refusal(original);
    assert_eq!((seen, found), (kind, Some(expected)), "{error}");
    error
}

#[test]
fn no_bytes_are_no_picture() {
    refused(b"", ErrorKind::Codec, Fault::Empty);
}

#[test]
fn what_is_no_picture_is_none_by_whatever_name() {
    refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>", ErrorKind::Codec, Fault::NotAPicture);
    refused(b"%PDF-1.7 and so on, for a while longer", ErrorKind::Codec, Fault::NotAPicture);
    refused(b"BM", ErrorKind::Codec, Fault::NotAPicture);
    refused(&[0; 4_096], ErrorKind::Codec, Fault::NotAPicture);
}

#[test]
fn what_was_cut_off_is_broken_and_not_half_grey() {
    let picture = drawing(120, 90, true);
    let formats = [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP];
    let mut originals: Vec<Vec<u8>> = formats.map(|format| written(&picture, format)).into();
    originals.push(photograph());
    originals.push(include_bytes!("data/progressive.jpg").to_vec());
    originals.push(WebP::new().convert(&photograph()).unwrap().bytes.to_vec());
    for original in originals {
        assert!(WebP::new().never_larger(false).convert(&original).is_ok());
        let last = original.len() - 5;
        for cut in (30..last).step_by((last / 40).max(1)).chain([last]) {
            let (kind, found, error) = refusal(&original[..cut]);
            assert_eq!((kind, found), (ErrorKind::Codec, Some(Fault::Broken)), "{cut} of {}: {error}", original.len());
            assert!(error.context("format").is_some());
        }
    }
}

/// A PNG whose first chunk claims this size; its pixels are a few bytes.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut out = png(&DynamicImage::new_rgb8(1, 1));
    out[16..20].copy_from_slice(&width.to_be_bytes());
    out[20..24].copy_from_slice(&height.to_be_bytes());
    out
}

#[test]
fn a_picture_that_claims_to_be_huge_is_refused_before_anything_is_made_ready_for_it() {
    let error = refused(&claims(100_000, 100_000), ErrorKind::TooLarge, Fault::TooManyPixels);
    assert!(error.to_string().contains("100000 × 100000"), "{error}");
    refused(&claims(u32::MAX, u32::MAX), ErrorKind::TooLarge, Fault::TooManyPixels);
    let mut bmp = written(&DynamicImage::new_rgb8(1, 1), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&100_000_i32.to_le_bytes());
    bmp[22..26].copy_from_slice(&(-100_000_i32).to_le_bytes());
    refused(&bmp, ErrorKind::TooLarge, Fault::TooManyPixels);
    let mut gif = written(&DynamicImage::new_rgb8(1, 1), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    refused(&gif, ErrorKind::TooLarge, Fault::TooManyPixels);
    let mut jpeg = photograph();
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    refused(&jpeg, ErrorKind::TooLarge, Fault::TooManyPixels);
}

#[test]
fn a_frame_larger_than_its_canvas_is_found_before_it_is_decoded() {
    let mut gif = written(&DynamicImage::new_rgb8(8, 8), ImageFormat::Gif);
    let frame = gif.iter().rposition(|byte| *byte == 0x2c).unwrap();
    gif[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    refused(&gif, ErrorKind::TooLarge, Fault::TooManyPixels);
    // A canvas of 50 × 30 before a frame of 16,383 × 16,383.
    let webp = WebP::new().never_larger(false).convert(&png(&drawing(50, 30, true))).unwrap().bytes;
    let mut webp = webp.to_vec();
    let frame = webp.windows(3).position(|window| window == [0x9d, 0x01, 0x2a]).unwrap();
    webp[frame + 3..frame + 7].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    refused(&webp, ErrorKind::Codec, Fault::Broken);
}

#[test]
fn a_picture_without_pixels_is_broken() {
    refused(&claims(0, 10), ErrorKind::Codec, Fault::Broken);
    refused(&claims(10, 0), ErrorKind::Codec, Fault::Broken);
    let mut gif = written(&DynamicImage::new_rgb8(1, 1), ImageFormat::Gif);
    gif[6..8].copy_from_slice(&[0; 2]);
    refused(&gif, ErrorKind::Codec, Fault::Broken);
}

#[test]
fn an_animation_is_refused_in_each_format_that_has_them() {
    for (format, original) in MOVING {
        let error = refused(original, ErrorKind::Codec, Fault::Animated);
        assert_eq!(error.context("format"), Some(format));
        assert!(error.to_string().contains("animation"), "{error}");
    }
}

#[test]
fn limits_are_those_that_were_given() {
    let original = photograph();
    let pixels = 320 * 180;
    let with = |limits| WebP::new().limits(limits).convert(&original).map_err(|error| fault(&error));
    assert!(with(Limits::new().pixels(pixels).bytes(original.len())).is_ok());
    assert_eq!(with(Limits::new().pixels(pixels - 1)).unwrap_err(), Some(Fault::TooManyPixels));
    assert_eq!(with(Limits::new().bytes(original.len() - 1)).unwrap_err(), Some(Fault::TooManyBytes));
}

#[test]
fn impossible_options_are_told_by_name_at_each_door() {
    let room = tempfile::tempdir().unwrap();
    let impossible = [
        (WebP::new().quality(101), "quality"),
        (WebP::new().quality(255), "quality"),
        (WebP::new().effort(7), "effort"),
        (WebP::new().resize(Resize::within(0, 10)), "resize"),
        (WebP::new().resize(Resize::height(0)), "resize"),
        (WebP::new().limits(Limits::new().pixels(0)), "limits.pixels"),
        (WebP::new().limits(Limits::new().bytes(0)), "limits.bytes"),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let cache = Cache::builder().build().unwrap();
    for (options, setting) in impossible {
        let errors = [
            options.convert(&photograph()).unwrap_err(),
            options.convert_file("nowhere.png", room.path().join("a.webp")).unwrap_err(),
            runtime.block_on(async { options.batch([photograph()]).await }).unwrap_err(),
            runtime.block_on(async { options.batch_files([("a.png", "a.webp")]).await }).unwrap_err(),
            Images::over(&cache, options).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some(setting)), "{error}");
        }
    }
    assert!(WebP::new().quality(0).convert(&photograph()).is_ok());
    assert!(WebP::new().quality(100).effort(6).convert(&photograph()).is_ok());
}

#[test]
fn errors_and_options_show_nothing_of_the_picture() {
    let secret = b"GIF89a\x01\x00\x01\x00\x00\x00\x00 a secret of somebody";
    let (.., error) = refusal(secret);
    assert!(!format!("{error} {error:?}").contains("secret"));
}
