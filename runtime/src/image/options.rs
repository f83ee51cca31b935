//! What a picture is to become, and how large it may be.

use std::fmt::Write as _;

use crate::error::{Error, Result};

/// A side of a WebP picture has at most so many pixels.
pub(super) const LONGEST: u32 = 16_383;

/// How pictures become WebP; says nothing wrong until it is used, and then what is wrong with it.
///
/// ```
/// use cached_runtime::image::{Resize, WebP};
///
/// let thumbnails = WebP::new().quality(80).resize(Resize::within(320, 320));
/// # let _ = thumbnails;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it converts nothing by itself"]
pub struct WebP {
    pub(super) quality: u8,
    pub(super) lossless: bool,
    pub(super) effort: u8,
    pub(super) resize: Option<Resize>,
    pub(super) never_larger: bool,
    pub(super) limits: Limits,
}

/// The room that a picture has to fit in; its ratio stays, and it never becomes larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resize {
    width: u32,
    height: u32,
}

/// How large a picture may be that is read at all.
///
/// Both are looked at before anything is decoded: pixels as the picture's first bytes claim them. A conversion takes
/// about ten bytes of memory for each pixel, up to thirty where it is transparent, made smaller or kept without loss,
/// and up to five times the picture's own bytes and 8 MiB for what lies beside the pixels: what else a picture claims to
/// unpack to, such as a colour profile, is not unpacked. So at the default of 64 million pixels it can take most of a
/// gigabyte, or two: where pictures come from strangers, and several are converted at once, allow fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "give them to WebP::limits"]
pub struct Limits {
    pub(super) pixels: u64,
    pub(super) bytes: usize,
}

impl Default for WebP {
    fn default() -> Self {
        let limits = Limits::new();
        Self { quality: 85, lossless: false, effort: 4, resize: None, never_larger: true, limits }
    }
}

impl WebP {
    /// Of quality 85, in the size they have, never larger in bytes than they were.
    pub fn new() -> Self {
        Self::default()
    }

    /// How much of the picture is kept: 0 the smallest file, 100 the best. A picture of at most 256 colours is tried
    /// without loss, too, and stays so if that takes no more bytes. Nothing to do with [`lossless`](Self::lossless)
    /// pictures. Default: 85.
    pub const fn quality(mut self, quality: u8) -> Self {
        self.quality = quality;
        self
    }

    /// Every pixel stays as it is, also the colour of those that are transparent: for drawings and screens; photographs
    /// become several times larger than lossy ones. Of 16 bits a channel, 8 are kept. Default: `false`.
    pub const fn lossless(mut self, lossless: bool) -> Self {
        self.lossless = lossless;
        self
    }

    /// How long the encoder looks for a smaller file: from 0, the fastest, to 6. From 4 to 6 it takes about twice as
    /// long for a file that is a few percent smaller. Default: 4.
    pub const fn effort(mut self, effort: u8) -> Self {
        self.effort = effort;
        self
    }

    /// Made smaller, if it is larger than that. Default: as large as it is.
    pub const fn resize(mut self, resize: Resize) -> Self {
        self.resize = Some(resize);
        self
    }

    /// Whether the original stays where WebP has no fewer bytes, also if it was to be made smaller in pixels. Without
    /// it there is always WebP. Default: `true`.
    pub const fn never_larger(mut self, never_larger: bool) -> Self {
        self.never_larger = never_larger;
        self
    }

    /// How large a picture may be that is read. Default: 64 million pixels, 64 MiB.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Is all of it possible?
    pub(super) fn check(&self) -> Result<()> {
        if self.quality > 100 {
            let message = format!("quality is 0 to 100, and this is {}: 85 is a good start", self.quality);
            return Err(Error::config("quality", message));
        }
        if self.effort > 6 {
            return Err(Error::config("effort", format!("effort is 0 to 6, and this is {}", self.effort)));
        }
        if self.resize.is_some_and(|resize| resize.width == 0 || resize.height == 0) {
            return Err(Error::config("resize", "nothing fits into a width or height of 0"));
        }
        if self.limits.pixels == 0 {
            return Err(Error::config("limits.pixels", "with 0 pixels no picture is read"));
        }
        if self.limits.bytes == 0 {
            return Err(Error::config("limits.bytes", "with 0 bytes no picture is read"));
        }
        Ok(())
    }

    /// What the result depends on beside the picture, as part of a key.
    pub(super) fn mark(&self) -> String {
        let mut mark = match self.lossless {
            true => String::from("lossless"),
            false => format!("q{}", self.quality),
        };
        // Writing to a string cannot fail.
        let _ = write!(mark, "-e{}", self.effort);
        if let Some(Resize { width, height }) = self.resize {
            let _ = write!(mark, "-{width}x{height}");
        }
        if !self.never_larger {
            mark.push_str("-always");
        }
        mark
    }
}

impl Resize {
    /// At most so wide and so high.
    #[must_use]
    pub const fn within(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// At most so wide.
    #[must_use]
    pub const fn width(width: u32) -> Self {
        Self { width, height: u32::MAX }
    }

    /// At most so high.
    #[must_use]
    pub const fn height(height: u32) -> Self {
        Self { width: u32::MAX, height }
    }

    /// The size of a picture of this size.
    pub(super) fn of(self, width: u32, height: u32) -> (u32, u32) {
        if width <= self.width && height <= self.height {
            return (width, height);
        }
        // Which of the two binds? All fit into 64 bits.
        let (w, h) = (u64::from(width), u64::from(height));
        let (most_w, most_h) = (u64::from(self.width), u64::from(self.height));
        let (w, h) =
            if w * most_h >= h * most_w { (most_w, rounded(h * most_w, w)) } else { (rounded(w * most_h, h), most_h) };
        let side = |side: u64| u32::try_from(side.max(1)).unwrap_or(u32::MAX);
        (side(w), side(h))
    }
}

const fn rounded(of: u64, by: u64) -> u64 {
    (of + by / 2) / by
}

impl Default for Limits {
    fn default() -> Self {
        Self { pixels: 64_000_000, bytes: 64 << 20 }
    }
}

impl Limits {
    /// 64 million pixels and 64 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many pixels, width times height. Default: 64,000,000.
    pub const fn pixels(mut self, pixels: u64) -> Self {
        self.pixels = pixels;
        self
    }

    /// At most so many bytes of input. Default: 64 MiB.
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}
