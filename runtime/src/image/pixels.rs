//! From a picture's bytes to its pixels: upright, in the size asked for, 8 bits a channel.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageResult};

use super::fault::{Fault, broken, of_decoder};
use super::options::{LONGEST, Limits, WebP};
use super::scale::scale;
use super::shape::{Format, Shape, shape};
use crate::error::{Error, Result};
use crate::flight::message_of;

/// What decoders may take beside the pixels: tables, rows, compressed text.
const APART: u64 = 16 << 20;

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
    let shape = shape(bytes)?;
    let Shape { format, width, height, animated } = shape;
    if u64::from(width) * u64::from(height) > limits.pixels {
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
        let read = catch_unwind(AssertUnwindSafe(|| decode(bytes, shape, options.limits)));
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

fn decode(bytes: &[u8], shape: Shape, limits: Limits) -> Result<Decoded> {
    let mut decoder = open(bytes, shape.format, limits).map_err(of_decoder)?;
    if decoder.dimensions() != (shape.width, shape.height) {
        return Err(broken("it says two sizes"));
    }
    // Without either it is a picture all the same.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten().filter(|profile| is_rgb(profile));
    let picture = DynamicImage::from_decoder(decoder).map_err(of_decoder)?;
    Ok((picture, orientation, profile))
}

fn open(bytes: &[u8], format: Format, limits: Limits) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    let mut room = image::Limits::no_limits();
    room.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(APART));
    let input = Cursor::new(bytes);
    let mut decoder: Box<dyn ImageDecoder> = match format {
        Format::Jpeg => Box::new(JpegDecoder::new(input)?),
        Format::Png => Box::new(PngDecoder::with_limits(input, room.clone())?),
        Format::Gif => Box::new(GifDecoder::new(input)?),
        Format::Bmp => Box::new(BmpDecoder::new(input)?),
        Format::WebP => Box::new(WebPDecoder::new(input)?),
    };
    decoder.set_limits(room)?;
    Ok(decoder)
}

/// Is it a profile (ICC.1, §7.2) for numbers in RGB? One for greys or inks says nothing of what these pixels became.
fn is_rgb(profile: &[u8]) -> bool {
    profile.get(16..20) == Some(b"RGB ") && profile.get(36..40) == Some(b"acsp")
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
