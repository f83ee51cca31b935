//! What people may be shown of the values of a shelf, which only their own site can write as text.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Shelf;
use crate::codec::{Frame, Preview};
use crate::depth::Depth;
use crate::frames::Frames;
use crate::outcome::Shape;

/// At most so many bytes of a value are shown.
const MOST: usize = 4 << 10;

/// Why a value is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unshown {
    /// Nobody has stored a value here yet, so nobody knows its type.
    Unknown,
    /// It stays in this process: its type cannot be written, or it is a failure.
    Stays,
    /// The frame is of another type, or damaged.
    Unreadable,
    /// JSON has no words for it, it nests too deep, or its own code failed.
    Wordless,
}

impl Unshown {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "its function has stored nothing in this process yet: what it answers is not known here",
            Self::Stays => "it stays in this process as it is: its type is not `Serialize`, or it is a failure",
            Self::Unreadable => "it cannot be read as what its function answers now",
            Self::Wordless => "JSON has no words for it, it nests too deep, or its own code failed",
        }
    }
}

/// The way from a site's values to text.
pub(crate) trait Shows<V>: Send + Sync {
    /// The beginning of a live value.
    fn live(&self, value: &V) -> Result<Preview, Unshown>;

    /// The beginning of what a frame holds.
    fn framed(&self, frames: &Frames, frame: &Frame) -> Result<Preview, Unshown>;
}

/// A site's own types.
struct Typed<S, D, R> {
    shape: S,
    depth: D,
    result: PhantomData<fn() -> R>,
}

impl<K, V, R: 'static> Shelf<K, V, R> {
    /// How its values are written for people. The first who stores one says so.
    pub(crate) fn is_written_by<S, D>(&self, shape: S, depth: D)
    where
        S: Shape<R, Kept = V>,
        D: Depth<S::Stored>,
    {
        self.shows.get_or_init(|| Box::new(Typed { shape, depth, result: PhantomData }));
    }

    /// The beginning of a live value.
    pub(super) fn shown_live(&self, value: &V) -> Result<Preview, Unshown> {
        self.shows.get().map_or(Err(Unshown::Unknown), |shows| shows.live(value))
    }

    /// The beginning of what a frame holds.
    pub(super) fn shown_framed(&self, frame: &Frame) -> Result<Preview, Unshown> {
        self.shows.get().map_or(Err(Unshown::Unknown), |shows| shows.framed(&self.frames, frame))
    }
}

impl<S, D, R, V> Shows<V> for Typed<S, D, R>
where
    S: Shape<R, Kept = V>,
    D: Depth<S::Stored>,
{
    fn live(&self, value: &V) -> Result<Preview, Unshown> {
        let codecs = self.depth.codecs().ok_or(Unshown::Stays)?;
        let stored = self.shape.stored(value).ok_or(Unshown::Stays)?;
        careful(|| (codecs.preview)(stored, MOST).map_err(|_| Unshown::Wordless))
    }

    fn framed(&self, frames: &Frames, frame: &Frame) -> Result<Preview, Unshown> {
        let codecs = self.depth.codecs().ok_or(Unshown::Stays)?;
        careful(|| {
            // Whether it may be answered with was judged before: tags play no part.
            let stored = frames.open(&codecs, frame, |_| true).ok_or(Unshown::Unreadable)?;
            (codecs.preview)(&stored, MOST).map_err(|_| Unshown::Wordless)
        })
    }
}

/// A value whose own code panics is not shown, and harms nobody.
fn careful(show: impl FnOnce() -> Result<Preview, Unshown>) -> Result<Preview, Unshown> {
    catch_unwind(AssertUnwindSafe(show)).unwrap_or(Err(Unshown::Wordless))
}
