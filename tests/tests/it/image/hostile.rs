//! Bytes that nobody meant as a picture end in an error or a picture, and in nothing else.

use cached_runtime::image::{Limits, WebP};
use image::ImageFormat;
use proptest::prelude::*;

use super::pictures::{drawing, photograph, written};

/// One of each kind, small.
fn originals() -> Vec<Vec<u8>> {
    let picture = drawing(24, 16, true);
    let formats = [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP];
    let mut all: Vec<Vec<u8>> = formats.map(|format| written(&picture, format)).into();
    all.push(written(&drawing(24, 16, false), ImageFormat::Jpeg));
    all.push(include_bytes!("data/progressive.jpg").to_vec());
    all.push(include_bytes!("data/inks.jpg").to_vec());
    all.push(include_bytes!("data/palette.gif").to_vec());
    all.push(include_bytes!("data/moving.webp").to_vec());
    all.push(include_bytes!("data/moving.png").to_vec());
    all.push(WebP::new().never_larger(false).convert(&written(&picture, ImageFormat::Png)).unwrap().bytes.to_vec());
    all.push(WebP::new().convert(&photograph()).unwrap().bytes.to_vec());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn pictures_that_were_changed_by_chance_do_no_harm(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        end in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let options = WebP::new().effort(0).limits(Limits::new().pixels(1_000_000).bytes(1 << 20));
        for mut original in originals() {
            for (place, byte) in &places {
                let at = place.index(original.len());
                original[at] = *byte;
            }
            if cut {
                original.truncate(end.index(original.len()));
            }
            match options.convert(&original) {
                Ok(converted) => {
                    prop_assert!(u64::from(converted.width) * u64::from(converted.height) <= 1_000_000);
                    prop_assert!(converted.bytes.len() <= original.len());
                }
                Err(error) => prop_assert!(cached_runtime::image::fault(&error).is_some(), "{error}"),
            }
        }
    }

    #[test]
    fn any_bytes_after_a_right_beginning_do_no_harm(
        begin in prop::sample::select(vec![
            &b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF\xff\xff\0\0WEBP", b"",
        ]),
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [begin, &noise].concat();
        let options = WebP::new().effort(0).limits(Limits::new().pixels(1_000_000).bytes(1 << 20));
        if let Err(error) = options.convert(&bytes) {
            prop_assert!(cached_runtime::image::fault(&error).is_some(), "{error}");
        }
    }
}
