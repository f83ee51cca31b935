//! One picture.

use bytes::Bytes;

use super::encode::encode;
use super::halt::Halt;
use super::options::WebP;
use super::pixels::{Pixels, admit};
use crate::error::Result;
use crate::picture::Format;

/// Which of the two was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Kept {
    /// The new picture.
    WebP,
    /// The original, untouched, also in what lies beside its pixels: WebP would have had no fewer bytes.
    Original,
}

/// A picture that was converted, or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// The picture.
    pub bytes: Bytes,
    /// What it is: the original, or WebP.
    pub kept: Kept,
    /// The format of `bytes`.
    pub format: Format,
    /// Pixels across, as it is seen.
    pub width: u32,
    /// Pixels down, as it is seen.
    pub height: u32,
    /// Bytes of the original.
    pub original_len: usize,
}

/// What a conversion came to.
pub(super) struct Turned {
    /// The new picture, if it is the one to keep.
    pub(super) webp: Option<Bytes>,
    pub(super) original: Format,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl WebP {
    /// Converts one picture: JPEG, PNG, GIF, BMP or WebP, known by its content.
    ///
    /// It is turned as its EXIF orientation says; transparency stays; greys become RGB, of 16 bits a channel 8 stay,
    /// and inks (CMYK) become RGB without the help of their profile. A colour profile for RGB of up to 4 MiB is carried
    /// over, as the colours would be others without it. Nothing else is: not where and when a photograph was taken, by which camera,
    /// or whose it is. An original that is kept still has all of that: see [`never_larger`](Self::never_larger).
    ///
    /// Computes in this thread: a photograph of a camera takes some tenths of a second. In async code, use a
    /// [`batch`](Self::batch), [`Images`](super::Images), or `spawn_blocking`.
    ///
    /// ```
    /// # fn photograph() -> Vec<u8> { include_bytes!("../../../examples/data/pictures/51-louvre.jpg").to_vec() }
    /// use cached_runtime::image::{Kept, Resize, WebP};
    ///
    /// let original: Vec<u8> = photograph();
    /// let small = WebP::new().quality(85).resize(Resize::within(160, 160)).convert(&original)?;
    /// assert_eq!(small.kept, Kept::WebP);
    /// assert_eq!((small.width, small.height), (160, 90));
    /// assert!(small.bytes.len() < original.len());
    /// # Ok::<(), cached_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Config` if the options are impossible, with the `setting`; `TooLarge` if the picture is over its
    /// [`limits`](Self::limits), or would be too long for WebP; `Codec` if it is none, is cut off or broken, is an
    /// animation, or of a kind that is not read. [`fault`](super::fault) says which.
    pub fn convert(&self, picture: &[u8]) -> Result<Converted> {
        self.check()?;
        let turned = self.turn(picture, &Halt::never())?;
        Ok(turned.into_converted(picture.len(), || Bytes::copy_from_slice(picture)))
    }

    /// Does it; options were checked.
    pub(super) fn turn(&self, picture: &[u8], halt: &Halt) -> Result<Turned> {
        let shape = admit(picture, self.limits)?;
        halt.go_on()?;
        let pixels = Pixels::read(picture, shape, self)?;
        halt.go_on()?;
        let webp = encode(&pixels, self)?;
        let (width, height) = (pixels.picture.width(), pixels.picture.height());
        if self.never_larger && webp.len() >= picture.len() {
            let (width, height) = pixels.whole;
            return Ok(Turned { webp: None, original: shape.format, width, height });
        }
        Ok(Turned { webp: Some(webp.into()), original: shape.format, width, height })
    }
}

impl Turned {
    pub(super) fn into_converted(self, original_len: usize, original: impl FnOnce() -> Bytes) -> Converted {
        let Self { webp, original: format, width, height } = self;
        match webp {
            Some(webp) => {
                Converted { bytes: webp, kept: Kept::WebP, format: Format::WebP, width, height, original_len }
            }
            None => Converted { bytes: original(), kept: Kept::Original, format, width, height, original_len },
        }
    }
}

impl Converted {
    /// What is left of the original's bytes: 0.25 is a quarter of them, 1.0 all.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        ratio(self.original_len, self.bytes.len())
    }

    /// The part of the original's bytes that is saved, `1.0 - ratio`.
    #[must_use]
    pub fn saving(&self) -> f64 {
        1.0 - self.ratio()
    }
}

/// What is left of so many bytes.
#[allow(clippy::cast_precision_loss, reason = "a ratio for people, of sizes far below 2^52")]
pub(super) fn ratio(from: usize, to: usize) -> f64 {
    if from == 0 { 1.0 } else { to as f64 / from as f64 }
}
