//! Encoded pictures from outside: held to their bounds before anything is allocated for them.

use std::io::{Cursor, Read};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::options::DedupOptions;
use crate::error::{Error, ErrorKind, Result};

/// What decoding may take for each pixel: 8 bytes of the picture, and as much again for what the decoder works with.
const BYTES_A_PIXEL: u64 = 16;
/// What a decoder takes for the smallest picture.
const LEAST: u64 = 1 << 20;

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
                .because(error)
        };
        let mut bytes = Vec::new();
        let most = (self.bytes as u64).saturating_add(1);
        std::fs::File::open(path).map_err(unread)?.take(most).read_to_end(&mut bytes).map_err(unread)?;
        self.check_bytes(bytes.len())?;
        Ok(bytes)
    }

    /// Decodes a picture; of a moving one the first.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<DynamicImage> {
        self.check_bytes(bytes.len())?;
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| Error::new(ErrorKind::Codec, "the picture cannot be read").because(error))?;
        if reader.format().is_none() {
            return Err(Error::new(ErrorKind::Codec, "these bytes are no picture: give JPEG, PNG, WebP, GIF or BMP"));
        }
        let mut limits = Limits::default();
        limits.max_alloc = Some(self.pixels.saturating_mul(BYTES_A_PIXEL).saturating_add(LEAST));
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(|error| self.refused(error))?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.pixels {
            return Err(self.too_many_pixels().with("pixels", pixels));
        }
        if pixels == 0 {
            return Err(Error::new(ErrorKind::Codec, "the picture has no pixels"));
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
                let message = "the picture is of a kind that is not read: give JPEG, PNG, WebP, GIF or BMP";
                Error::new(ErrorKind::Codec, message).because(error)
            }
            _ => Error::new(ErrorKind::Codec, "the picture is damaged or cut off").because(error),
        }
    }
}
