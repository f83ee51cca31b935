//! What a picture says of itself, found by walking its parts: nothing is decoded, and nothing allocated.
//!
//! The walk goes to the end, so that a picture that was cut off is known before a decoder fills the rest with grey; and
//! a decoder gets no more room than a picture of that size needs.

mod bmp;
mod gif;
mod jpeg;
mod open;
mod png;
mod walk;
mod webp;

pub(crate) use self::open::open;

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
pub(crate) struct Shape {
    pub(crate) format: Format,
    /// As it is stored; its orientation may turn it.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Has it more than one frame?
    #[cfg_attr(not(feature = "image"), allow(dead_code, reason = "of several the first is compared"))]
    pub(crate) animated: bool,
}

/// Why bytes are not decoded at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// No bytes.
    Empty,
    /// Of no format that is read.
    NotAPicture,
    /// Cut off, damaged or without pixels, as these words say.
    Broken(Format, &'static str),
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
    #[cfg(feature = "image")]
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

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::WebP => "WebP",
        }
    }
}

impl Shape {
    pub(crate) const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

/// What these bytes say of themselves.
pub(crate) fn shape(bytes: &[u8]) -> Result<Shape, Flaw> {
    if bytes.is_empty() {
        return Err(Flaw::Empty);
    }
    let format = Format::of(bytes).ok_or(Flaw::NotAPicture)?;
    let walked = match format {
        Format::Jpeg => jpeg::walk(bytes),
        Format::Png => png::walk(bytes),
        Format::Gif => gif::walk(bytes),
        Format::Bmp => bmp::walk(bytes),
        Format::WebP => webp::walk(bytes),
    };
    let size = walked.map_err(|what| Flaw::Broken(format, what))?;
    if size.width == 0 || size.height == 0 {
        return Err(Flaw::Broken(format, "it has no pixels"));
    }
    Ok(Shape { format, width: size.width, height: size.height, animated: size.animated })
}
