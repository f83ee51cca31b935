//! From pixels to WebP, by libwebp.

use std::collections::HashSet;

use ::webp::{Encoder, WebPConfig, WebPMemory};
use image::DynamicImage;

use super::container::with_profile;
use super::options::WebP;
use super::pixels::Pixels;
use crate::error::{Error, ErrorKind, Result};

/// What libwebp takes as its quality for lossless pictures is how hard it tries; this is its own choice.
const LOSSLESS_TRIES: f32 = 75.0;

/// A picture of no more colours than a palette has is tried without loss, too.
const FEW: usize = 256;

/// The picture as WebP, with its colour profile and nothing else of what lay beside the pixels.
pub(super) fn encode(pixels: &Pixels, options: &WebP) -> Result<Vec<u8>> {
    let mut config = WebPConfig::new().map_err(|()| failed("libwebp is of another version than its headers"))?;
    config.method = options.effort.into();
    let written = if options.lossless {
        without_loss(&mut config);
        // Colours that nobody sees, too.
        config.exact = 1;
        write(&pixels.picture, &config)?
    } else {
        config.quality = options.quality.into();
        let lossy = write(&pixels.picture, &config)?;
        let flat = has_few_colours(&pixels.picture);
        let exact = flat.then(|| {
            without_loss(&mut config);
            write(&pixels.picture, &config)
        });
        exact.transpose()?.filter(|exact| exact.len() <= lossy.len()).unwrap_or(lossy)
    };
    Ok(match &pixels.profile {
        Some(profile) => with_profile(&written, profile, pixels),
        None => written.to_vec(),
    })
}

const fn without_loss(config: &mut WebPConfig) {
    config.lossless = 1;
    config.quality = LOSSLESS_TRIES;
}

fn write(picture: &DynamicImage, config: &WebPConfig) -> Result<WebPMemory> {
    let encoder = match picture {
        DynamicImage::ImageRgb8(picture) => Encoder::from_rgb(picture, picture.width(), picture.height()),
        DynamicImage::ImageRgba8(picture) => Encoder::from_rgba(picture, picture.width(), picture.height()),
        _ => return Err(failed("its pixels are not in RGB")),
    };
    encoder.encode_advanced(config).map_err(|error| failed(&format!("{error:?}")))
}

fn failed(why: &str) -> Error {
    Error::new(ErrorKind::Codec, format!("the picture could not be written as WebP: {why}"))
}

/// A photograph is found out in its first rows.
fn has_few_colours(picture: &DynamicImage) -> bool {
    let wide = usize::from(picture.color().channel_count());
    let mut seen = HashSet::with_capacity(FEW + 1);
    let mut last: &[u8] = &[];
    picture.as_bytes().chunks_exact(wide).all(|colour| {
        if colour != last {
            last = colour;
            seen.insert(colour);
        }
        seen.len() <= FEW
    })
}
