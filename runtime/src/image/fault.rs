//! What is wrong with a picture, or with where it lies.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};
use crate::picture::Flaw;

/// Why a picture was not converted; see [`fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// No bytes at all.
    Empty,
    /// Not JPEG, PNG, GIF, BMP or WebP, whatever its name says.
    NotAPicture,
    /// Cut off, or damaged, or without a single pixel.
    Broken,
    /// A picture of a kind that is not read, such as a lossless JPEG.
    Unsupported,
    /// More than one frame: what would become of the others?
    Animated,
    /// More bytes than [`Limits::bytes`](super::Limits::bytes).
    TooManyBytes,
    /// More pixels than [`Limits::pixels`](super::Limits::pixels).
    TooManyPixels,
    /// More than 16,383 pixels on a side, which WebP cannot hold: ask for a smaller size.
    TooLong,
    /// A file that cannot be read.
    Unreadable,
    /// A file that cannot be written.
    Unwritable,
    /// The work was given up before it was done.
    GivenUp,
}

/// What is wrong with the picture, if this error came of one.
///
/// ```
/// use cached_runtime::image::{Fault, WebP, fault};
///
/// let error = WebP::new().convert(b"certainly no picture").unwrap_err();
/// assert_eq!(fault(&error), Some(Fault::NotAPicture));
/// ```
#[must_use]
pub fn fault(error: &Error) -> Option<Fault> {
    std::error::Error::source(error)?.downcast_ref::<Told>().map(|told| told.fault)
}

/// A fault and what a decoder or the system said of it.
struct Told {
    fault: Fault,
    words: Option<Box<dyn StdError + Send + Sync>>,
}

impl Fault {
    /// The error of this fault.
    pub(super) fn error(self, message: impl Into<String>) -> Error {
        Error::new(self.kind(), message).because(Told { fault: self, words: None })
    }

    /// The same, with what somebody else said.
    pub(super) fn said(self, message: impl Into<String>, words: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(self.kind(), message).because(Told { fault: self, words: Some(words.into()) })
    }

    const fn kind(self) -> ErrorKind {
        match self {
            Self::TooManyBytes | Self::TooManyPixels | Self::TooLong => ErrorKind::TooLarge,
            Self::Unreadable | Self::Unwritable => ErrorKind::Config,
            Self::GivenUp => ErrorKind::Closed,
            _ => ErrorKind::Codec,
        }
    }
}

/// A file that cannot be read, or written: `setting` says which of the two paths.
pub(super) fn of_file(fault: Fault, setting: &'static str, path: &Path, error: io::Error) -> Error {
    let message = format!("the file cannot be {}: {error}", done(fault));
    fault.said(message, error).with("setting", setting).with("path", path.display())
}

const fn done(fault: Fault) -> &'static str {
    if matches!(fault, Fault::Unreadable) { "read" } else { "written" }
}

/// Cut off or damaged, as this word says.
pub(super) fn broken(what: &'static str) -> Error {
    Fault::Broken.error(format!("the picture is broken: {what}"))
}

/// Why it is not decoded at all.
pub(super) fn of_flaw(flaw: Flaw) -> Error {
    match flaw {
        Flaw::Empty => {
            Fault::Empty.error("there are no bytes, so there is no picture: was the file written to its end?")
        }
        Flaw::NotAPicture => {
            Fault::NotAPicture.error("this is no JPEG, PNG, GIF, BMP or WebP: its first bytes are of none of them")
        }
        Flaw::Broken(format, what) => broken(what).with("format", format.word()),
    }
}

/// What a decoder said.
pub(super) fn of_decoder(error: image::ImageError) -> Error {
    use image::ImageError as E;
    let (fault, message) = match &error {
        E::Unsupported(_) => (Fault::Unsupported, format!("this kind of picture is not read: {error}")),
        E::Limits(_) => (
            Fault::TooManyPixels,
            format!("the picture takes more memory than its limits allow, raise `Limits::pixels`: {error}"),
        ),
        _ => (Fault::Broken, format!("the picture is broken: {error}")),
    };
    fault.said(message, error)
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.words {
            Some(words) => words.fmt(f),
            None => self.fault.fmt(f),
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_tuple("Fault");
        out.field(&self.fault);
        if let Some(words) = &self.words {
            out.field(&format_args!("{words}"));
        }
        out.finish()
    }
}

impl StdError for Told {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.words.as_deref().map(|words| words as &(dyn StdError + 'static))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no bytes",
            Self::NotAPicture => "not a picture",
            Self::Broken => "a broken picture",
            Self::Unsupported => "a picture of a kind that is not read",
            Self::Animated => "an animation",
            Self::TooManyBytes => "too many bytes",
            Self::TooManyPixels => "too many pixels",
            Self::TooLong => "a side too long for WebP",
            Self::Unreadable => "a file that cannot be read",
            Self::Unwritable => "a file that cannot be written",
            Self::GivenUp => "given up",
        })
    }
}
