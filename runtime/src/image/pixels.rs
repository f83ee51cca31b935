//! From a picture's bytes to its pixels: upright, in the size asked for, 8 bits a channel.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _};

use super::fault::{Fault, broken, of_decoder, of_flaw};
use super::options::{LONGEST, Limits, WebP};
use super::scale::scale;
use crate::error::{Error, Result};
use crate::flight::message_of;
use crate::picture::{Shape, open, shape};

/// A colour profile has at most so many bytes; one with tables for each colour has one or two million.
const LONGEST_PROFILE: usize = 4 << 20;

/// A picture as it is seen, in RGB or RGBA.
pub(super) struct Pixels {
    pub(super) picture: DynamicImage,
    /// The size in which the original is seen.
    pub(super) whole: (u32, u32),
    /// The colour profile that its numbers are to be read by, if it had one for RGB.
    pub(super) profile: Option<Vec<u8>>,
}

/// Reads what the picture says of itself, and refuses what is too large, or more than one picture.
pub(super) fn admit(bytes: &[u8], limits: Limits) -> Result<Shape> {
    if bytes.len() > limits.bytes {
        return Err(too_many_bytes(bytes.len() as u64, limits));
    }
    let shape = shape(bytes).map_err(of_flaw)?;
    let Shape { format, width, height, animated } = shape;
    if shape.pixels() > limits.pixels {
        let error = Fault::TooManyPixels.error(format!(
            "the picture has {width} × {height} pixels, more than the {} allowed: see `Limits::pixels`",
            limits.pixels
        ));
        return Err(error.with("format", format.word()));
    }
    if animated {
        let message = "this is an animation, and one picture is converted: take a frame of it, or keep it as it is";
        return Err(Fault::Animated.error(message).with("format", format.word()));
    }
    Ok(shape)
}

pub(super) fn too_many_bytes(bytes: u64, limits: Limits) -> Error {
    let message = format!("the picture has {bytes} bytes, more than the {} allowed: see `Limits::bytes`", limits.bytes);
    Fault::TooManyBytes.error(message)
}

impl Pixels {
    /// The pixels of a picture that was admitted.
    pub(super) fn read(bytes: &[u8], shape: Shape, options: &WebP) -> Result<Self> {
        // Decoders are written by others, and pictures by anybody.
        let read = catch_unwind(AssertUnwindSafe(|| decode(bytes, shape)));
        let read = read.unwrap_or_else(|panic| {
            let words = message_of(&*panic).to_owned();
            Err(Fault::Broken.said("the picture is broken: its decoder gave up", words))
        });
        let (picture, orientation, profile) = read.map_err(|error| error.with("format", shape.format.word()))?;
        let whole = match is_turned(orientation) {
            true => (shape.height, shape.width),
            false => (shape.width, shape.height),
        };
        let (width, height) = options.resize.map_or(whole, |resize| resize.of(whole.0, whole.1));
        if width > LONGEST || height > LONGEST {
            let message = format!(
                "WebP holds {LONGEST} pixels a side, and this would be {width} × {height}: ask for less with \
                 `WebP::resize`"
            );
            return Err(Fault::TooLong.error(message));
        }
        let (across, down) = if is_turned(orientation) { (height, width) } else { (width, height) };
        let mut picture = scale(plain(picture), across, down);
        picture.apply_orientation(orientation);
        Ok(Self { picture, whole, profile })
    }
}

/// Does its width become its height?
const fn is_turned(orientation: Orientation) -> bool {
    use Orientation as O;
    matches!(orientation, O::Rotate90 | O::Rotate270 | O::Rotate90FlipH | O::Rotate270FlipH)
}

type Decoded = (DynamicImage, Orientation, Option<Vec<u8>>);

fn decode(bytes: &[u8], shape: Shape) -> Result<Decoded> {
    let mut decoder = open(bytes, shape).map_err(of_decoder)?;
    if decoder.dimensions() != (shape.width, shape.height) {
        return Err(broken("it says two sizes"));
    }
    // Without either it is a picture all the same.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten().filter(|profile| is_carried(profile));
    let picture = DynamicImage::from_decoder(decoder).map_err(of_decoder)?;
    Ok((picture, orientation, profile))
}

/// Is it a profile (ICC.1, §7.2) for numbers in RGB? One for greys or inks says nothing of what these pixels became.
fn is_carried(profile: &[u8]) -> bool {
    let is_rgb = profile.get(16..20) == Some(b"RGB ") && profile.get(36..40) == Some(b"acsp");
    is_rgb && profile.len() <= LONGEST_PROFILE
}

/// In 8 bits a channel, with transparency only where something is transparent.
fn plain(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8().into();
    }
    let picture = picture.into_rgba8();
    if picture.pixels().all(|pixel| pixel.0[3] == u8::MAX) {
        return DynamicImage::from(picture).into_rgb8().into();
    }
    picture.into()
}
