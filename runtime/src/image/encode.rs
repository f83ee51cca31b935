//! From pixels to WebP, by libwebp.

use ::webp::{Encoder, WebPConfig};
use image::DynamicImage;

use super::container::with_profile;
use super::options::WebP;
use super::pixels::Pixels;
use crate::error::{Error, ErrorKind, Result};

/// What libwebp takes as its quality for lossless pictures is how hard it tries; this is its own choice.
const LOSSLESS_TRIES: f32 = 75.0;

/// The picture as WebP, with its colour profile and nothing else of what lay beside the pixels.
pub(super) fn encode(pixels: &Pixels, options: &WebP) -> Result<Vec<u8>> {
    let failed = |why: &str| Error::new(ErrorKind::Codec, format!("the picture could not be written as WebP: {why}"));
    let mut config = WebPConfig::new().map_err(|()| failed("libwebp is of another version than its headers"))?;
    config.method = options.effort.into();
    if options.lossless {
        config.lossless = 1;
        config.quality = LOSSLESS_TRIES;
        // Colours that nobody sees, too.
        config.exact = 1;
    } else {
        config.quality = options.quality.into();
    }
    let encoder = match &pixels.picture {
        DynamicImage::ImageRgb8(picture) => Encoder::from_rgb(picture, picture.width(), picture.height()),
        DynamicImage::ImageRgba8(picture) => Encoder::from_rgba(picture, picture.width(), picture.height()),
        _ => return Err(failed("its pixels are not in RGB")),
    };
    let written = encoder.encode_advanced(&config).map_err(|error| failed(&format!("{error:?}")))?;
    Ok(match &pixels.profile {
        Some(profile) => with_profile(&written, profile, pixels),
        None => written.to_vec(),
    })
}
