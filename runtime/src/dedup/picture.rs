//! Encoded pictures from outside: whole, and held to their bounds, before anything is allocated for them.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::{DynamicImage, ImageDecoder as _, ImageError};

use super::options::DedupOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::picture::{Flaw, Shape, open, shape};

/// The bounds of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    bytes: usize,
    pixels: u64,
}

impl Bounds {
    pub(super) fn of(options: &DedupOptions) -> Self {
        Self { bytes: options.max_bytes, pixels: options.max_pixels }
    }

    /// Reads a file, no further than a picture may be long.
    pub(super) fn read(self, path: &Path) -> Result<Vec<u8>> {
        let unread = |error: std::io::Error| {
            Error::new(ErrorKind::Codec, "the picture's file cannot be read: look at its path and rights")
                .with("path", path.display())
                .because(error)
        };
        let mut bytes = Vec::new();
        let most = (self.bytes as u64).saturating_add(1);
        std::fs::File::open(path).map_err(unread)?.take(most).read_to_end(&mut bytes).map_err(unread)?;
        self.check_bytes(bytes.len())?;
        Ok(bytes)
    }

    /// Decodes a picture; of a moving one the first.
    ///
    /// Its parts are walked before: a decoder would take a JPEG that was cut off for one that ends in grey, and two of
    /// them would be alike.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<DynamicImage> {
        self.check_bytes(bytes.len())?;
        let shape = shape(bytes).map_err(of_flaw)?;
        if shape.pixels() > self.pixels {
            return Err(self.too_many_pixels().with("pixels", shape.pixels()));
        }
        // Decoders are written by others, and pictures by anybody.
        let decoded = catch_unwind(AssertUnwindSafe(|| self.decode_as(bytes, shape)));
        let gave_up = |_| Err(Error::new(ErrorKind::Codec, "the picture is damaged: its decoder gave up"));
        decoded.unwrap_or_else(gave_up).map_err(|error| error.with("format", shape.format.word()))
    }

    fn decode_as(self, bytes: &[u8], shape: Shape) -> Result<DynamicImage> {
        let decoder = open(bytes, shape).map_err(|error| self.refused(error))?;
        if decoder.dimensions() != (shape.width, shape.height) {
            return Err(Error::new(ErrorKind::Codec, "the picture is damaged: it says two sizes"));
        }
        DynamicImage::from_decoder(decoder).map_err(|error| self.refused(error))
    }

    fn check_bytes(self, bytes: usize) -> Result<()> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let error =
            Error::new(ErrorKind::TooLarge, "the picture has too many bytes: encode it smaller, or raise `max_bytes`");
        Err(error.with("max_bytes", self.bytes))
    }

    fn too_many_pixels(self) -> Error {
        let error =
            Error::new(ErrorKind::TooLarge, "the picture has too many pixels: scale it down, or raise `max_pixels`");
        error.with("max_pixels", self.pixels)
    }

    fn refused(self, error: ImageError) -> Error {
        match error {
            ImageError::Limits(_) => self.too_many_pixels().because(error),
            ImageError::Unsupported(_) => {
                let message = "the picture is of a kind that is not read: encode it as a usual JPEG or PNG";
                Error::new(ErrorKind::Codec, message).because(error)
            }
            _ => Error::new(ErrorKind::Codec, "the picture is damaged").because(error),
        }
    }
}

/// Why it is not decoded at all.
fn of_flaw(flaw: Flaw) -> Error {
    match flaw {
        Flaw::Empty => Error::new(ErrorKind::Codec, "there are no bytes, so there is no picture"),
        Flaw::NotAPicture => {
            Error::new(ErrorKind::Codec, "these bytes are no picture: give JPEG, PNG, WebP, GIF or BMP")
        }
        Flaw::Broken(format, what) => {
            let message = format!("the picture is damaged or cut off: {what}");
            Error::new(ErrorKind::Codec, message).with("format", format.word())
        }
    }
}
