//! What a picture says of itself, found by walking its parts: nothing is decoded, and nothing allocated.
//!
//! The walk goes to the end, so that a picture that was cut off is known before a decoder fills the rest with grey.

mod bmp;
mod gif;
mod jpeg;
mod png;
mod webp;

use super::fault::{Fault, broken};
use crate::error::Result;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Format {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// GIF of one frame.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// WebP of one frame.
    WebP,
}

/// What is known of a picture before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) format: Format,
    /// As it is stored; its orientation may turn it.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Frames, as far as they matter: one or more.
    pub(super) animated: bool,
}

impl Format {
    /// The format of these bytes, by what they begin with; names of files are not asked.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'B', b'M', ..] if bytes.len() > 26 => Some(Self::Bmp),
            _ => None,
        }
    }

    /// Its media type, as in `Content-Type`.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::WebP => "image/webp",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::WebP => "WebP",
        }
    }
}

/// What these bytes say of themselves.
pub(super) fn shape(bytes: &[u8]) -> Result<Shape> {
    if bytes.is_empty() {
        return Err(Fault::Empty.error("there are no bytes, so there is no picture: was the file written to its end?"));
    }
    let Some(format) = Format::of(bytes) else {
        return Err(
            Fault::NotAPicture.error("this is no JPEG, PNG, GIF, BMP or WebP: its first bytes are of none of them")
        );
    };
    let walked = match format {
        Format::Jpeg => jpeg::walk(bytes),
        Format::Png => png::walk(bytes),
        Format::Gif => gif::walk(bytes),
        Format::Bmp => bmp::walk(bytes),
        Format::WebP => webp::walk(bytes),
    };
    let size = walked.map_err(|broken| broken.with("format", format.word()))?;
    if size.width == 0 || size.height == 0 {
        return Err(broken("it has no pixels").with("format", format.word()));
    }
    Ok(Shape { format, width: size.width, height: size.height, animated: size.animated })
}

/// What a walk finds.
#[derive(Debug, Clone, Copy, Default)]
struct Walked {
    width: u32,
    height: u32,
    animated: bool,
}

/// The bytes of a picture, read from the front. What is not there is a picture that was cut off.
struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// From there on.
    fn from(bytes: &'a [u8], at: usize) -> Result<Self> {
        bytes.get(at..).map(|rest| Self { rest }).ok_or_else(cut)
    }

    fn take(&mut self, many: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(many).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

fn cut() -> crate::error::Error {
    broken("it ends too early")
}
