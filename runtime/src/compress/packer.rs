//! One profile at work.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use parking_lot::Mutex;

use super::choice::{Chooser, STEPS};
use super::counts::{Counts, add, is_timed, timed};
use super::dense::{holds_dense, is_dense};
use super::dictionary::{self, Dictionary};
use super::method::{self, Compression};
use super::profile::{How, Profile};
use super::whole;
use crate::error::Result;
use crate::stats::CompressStats;

/// An adaptive profile tries no more than the beginning of a value.
const TRIED: usize = 64 << 10;

/// One [`Profile`] at work: compresses and decompresses by it, learns if it is adaptive, and counts. Clones are the same one.
///
/// Every [`Compressor`](super::Compressor) has one for each of its profiles, and every site whose entries leave the process
/// has its own.
#[derive(Clone)]
pub struct Packer(Arc<State>);

struct State {
    profile: Profile,
    how: How,
    least: usize,
    chooser: Option<Mutex<Chooser>>,
    counts: Counts,
    start: Instant,
}

/// What a packer made of some bytes: they themselves, where nothing else was smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed<'a> {
    method: Compression,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Packed<'a> {
    /// With what it was compressed; [`Compression::None`] if with nothing.
    #[must_use]
    pub const fn method(&self) -> Compression {
        self.method
    }

    /// The bytes: one whole stream of the method, as its own tools read and write it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, and without room for more if they were compressed.
    #[must_use]
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self.bytes {
            // Room was made for nearly all of the original.
            Cow::Owned(small) => Cow::Owned(whole::fitted(small)),
            raw @ Cow::Borrowed(_) => raw,
        }
    }

    /// The bytes after one more that says the method, for a place where nothing else does;
    /// [`Packer::decompress_stored`] takes them.
    #[must_use]
    pub fn to_stored(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes.len() + 1);
        out.push(self.method.number());
        out.extend_from_slice(&self.bytes);
        out
    }
}

/// A bare block, whose length somebody else keeps, or a stream that stands for itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Block,
    Whole,
}

impl Form {
    /// Was it compressed before? A block is a value with what its format puts before it.
    fn is_dense(self, raw: &[u8]) -> bool {
        match self {
            Self::Block => holds_dense(raw),
            Self::Whole => is_dense(raw),
        }
    }
}

/// What was made of a value.
enum Made {
    Smaller(Compression, Vec<u8>),
    Short,
    Dense,
    Gainless,
    Off,
}

impl Made {
    fn of(method: Compression, out: Option<Vec<u8>>) -> Self {
        out.map_or(Self::Gainless, |out| Self::Smaller(method, out))
    }
}

impl Packer {
    pub(crate) fn new(profile: Profile) -> Self {
        let how = profile.how();
        let chooser = match how {
            How::Adaptive(share) => Some(Mutex::new(Chooser::new(share))),
            How::Fixed(..) => None,
        };
        let least = profile.least();
        Self(Arc::new(State { profile, how, least, chooser, counts: Counts::default(), start: Instant::now() }))
    }

    /// Its profile.
    pub fn profile(&self) -> &Profile {
        &self.0.profile
    }

    /// Would it be tried to make these smaller? Not where they are shorter than the threshold, begin like something that was
    /// compressed before, or where the profile compresses nothing now.
    #[must_use]
    pub fn should_compress(&self, raw: &[u8]) -> bool {
        raw.len() >= self.0.least && !is_dense(raw) && self.now().0 != Compression::None
    }

    /// The bytes made smaller, or as they are if nothing else is. Never an error.
    ///
    /// Cost: what the method costs, in contexts that are used again, and some 20 ns; two readings of the clock beside that
    /// for one value in sixteen, and for each of an adaptive profile.
    #[must_use]
    pub fn compress<'a>(&self, raw: &'a [u8]) -> Packed<'a> {
        match self.pack(raw, Form::Whole) {
            Some((method, out)) => Packed { method, bytes: Cow::Owned(out) },
            None => Packed { method: Compression::None, bytes: Cow::Borrowed(raw) },
        }
    }

    /// What these stand for, which are one whole stream of this method; of gzip, zstd and LZ4 also several, one behind the
    /// other. What comes out takes no more room than it needs.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) if that is over the profile's `max_output`;
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) if the bytes are cut, damaged, followed by something else or of another
    /// method;
    /// [`ErrorKind::Frame`](crate::ErrorKind::Frame) if they were written with a dictionary that is not here.
    pub fn decompress(&self, method: Compression, bytes: &[u8]) -> Result<Vec<u8>> {
        let limit = self.0.profile.max_output;
        self.opening(
            method,
            bytes,
            || method.open_whole(bytes, limit),
            |dictionary| {
                // One that does not say how long it is may be as long as is allowed.
                let most = dictionary::said_length(bytes).unwrap_or(limit);
                if most > limit {
                    return Err(whole::over(limit));
                }
                dictionary.decompress(bytes, most).map(whole::fitted).ok_or_else(|| whole::broken(method))
            },
        )
    }

    /// What [`Packed::to_stored`] gave, as it was.
    ///
    /// # Errors
    /// As [`decompress`](Self::decompress), and [`ErrorKind::Frame`](crate::ErrorKind::Frame) if the method is unknown or not
    /// compiled in.
    pub fn decompress_stored(&self, stored: &[u8]) -> Result<Vec<u8>> {
        let Some((number, bytes)) = stored.split_first() else {
            return Err(whole::broken(Compression::None));
        };
        self.decompress(Compression::from_number(*number)?, bytes)
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> CompressStats {
        let (method, level) = self.now();
        CompressStats {
            profile: self.0.profile.name().to_owned(),
            method: method.word().to_owned(),
            level,
            changes: self.0.chooser.as_ref().map_or(0, |chooser| chooser.lock().changes()),
            ..self.0.counts.snapshot()
        }
    }

    /// A payload whose length its frame says, if it becomes smaller.
    pub(crate) fn pack_block(&self, raw: &[u8]) -> Option<(Compression, Vec<u8>)> {
        self.pack(raw, Form::Block)
    }

    /// A payload that such a frame carries.
    pub(crate) fn unpack_block(
        &self,
        method: Compression,
        bytes: &[u8],
        raw_len: usize,
        limit: usize,
    ) -> Result<Vec<u8>> {
        self.opening(
            method,
            bytes,
            || method.decompress(bytes, raw_len, limit),
            |dictionary| {
                if raw_len > limit {
                    return Err(method::too_large(limit));
                }
                let out = dictionary.decompress(bytes, raw_len).filter(|out| out.len() == raw_len);
                out.ok_or_else(|| method::announced(method))
            },
        )
    }

    /// The method and level that are used now.
    pub(crate) fn now(&self) -> (Compression, i32) {
        match (&self.0.chooser, self.0.how) {
            (Some(chooser), _) => chooser.lock().now().map_or((Compression::None, 0), |at| STEPS[at]),
            (None, How::Fixed(method, level)) => (method, level.unwrap_or_else(|| method.usual())),
            (None, How::Adaptive(_)) => (Compression::None, 0),
        }
    }

    fn pack(&self, raw: &[u8], form: Form) -> Option<(Compression, Vec<u8>)> {
        let counts = &self.0.counts;
        let nth = counts.values.fetch_add(1, Relaxed);
        add(&counts.bytes_in, raw.len());
        let made = if raw.len() < self.0.least {
            Made::Short
        } else if form.is_dense(raw) {
            Made::Dense
        } else {
            self.make(raw, form, nth)
        };
        let (counter, out) = match made {
            Made::Smaller(method, out) => (&counts.compressed, Some((method, out))),
            Made::Short => (&counts.short, None),
            Made::Dense => (&counts.dense, None),
            Made::Gainless => (&counts.gainless, None),
            Made::Off => (&counts.off, None),
        };
        add(counter, 1);
        add(&counts.bytes_out, out.as_ref().map_or(raw.len(), |(_, out)| out.len()));
        out
    }

    fn make(&self, raw: &[u8], form: Form, nth: u64) -> Made {
        match (&self.0.chooser, self.0.how) {
            (Some(chooser), _) => self.make_adaptively(chooser, raw, form),
            (None, How::Fixed(Compression::None, _) | How::Adaptive(_)) => Made::Off,
            (None, How::Fixed(method, level)) => {
                let out = || self.run(method, level, raw, form);
                let out = if is_timed(nth) { self.0.counts.packing.time(out).0 } else { out() };
                Made::of(method, out)
            }
        }
    }

    fn make_adaptively(&self, chooser: &Mutex<Chooser>, raw: &[u8], form: Form) -> Made {
        let plan = chooser.lock().plan(raw.len(), self.0.start.elapsed().as_secs_f64());
        let made = plan.with.map_or(Made::Off, |at| {
            let (method, level) = STEPS[at];
            let (out, nanos) = self.0.counts.packing.time(|| self.run(method, Some(level), raw, form));
            chooser.lock().learn(at, raw.len(), out.as_ref().map_or(raw.len(), Vec::len), nanos);
            Made::of(method, out)
        });
        if let Some(at) = plan.tried {
            let ((method, level), sample) = (STEPS[at], &raw[..raw.len().min(TRIED)]);
            let (out, nanos) = timed(|| self.run(method, Some(level), sample, form));
            self.0.counts.trials.fetch_add(nanos, Relaxed);
            chooser.lock().learn(at, sample.len(), out.as_ref().map_or(sample.len(), Vec::len), nanos);
        }
        made
    }

    fn run(&self, method: Compression, level: Option<i32>, raw: &[u8], form: Form) -> Option<Vec<u8>> {
        if let Some(dictionary) = self.0.profile.writing_dictionary() {
            let out = dictionary.compress(raw, level.unwrap_or_else(|| method.usual()));
            return out.filter(|out| out.len() < raw.len());
        }
        match form {
            Form::Block => method.compress(raw, level),
            Form::Whole => method.whole(raw, level),
        }
    }

    /// Opens it with the dictionary that it needs, or without one, and counts it.
    fn opening(
        &self,
        method: Compression,
        bytes: &[u8],
        plain: impl FnOnce() -> Result<Vec<u8>>,
        with: impl FnOnce(&Dictionary) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let counts = &self.0.counts;
        let nth = counts.opened.fetch_add(1, Relaxed);
        let open = || {
            if self.0.profile.dictionaries.is_empty() {
                // Not looked at before, which costs something: without a dictionary it fails.
                return plain().map_err(|error| self.dictionary_of(method, bytes).err().unwrap_or(error));
            }
            match self.dictionary_of(method, bytes) {
                Ok(Some(dictionary)) => with(dictionary),
                Ok(None) => plain(),
                Err(missing) => Err(missing),
            }
        };
        let out = if is_timed(nth) { counts.opening.time(open).0 } else { open() };
        if out.is_err() {
            add(&counts.refused, 1);
        }
        out
    }

    /// The dictionary of this profile that a frame was written with, if it was with one.
    fn dictionary_of(&self, method: Compression, bytes: &[u8]) -> Result<Option<&Dictionary>> {
        // Only zstd streams begin as theirs do.
        if method.number() != dictionary::METHOD {
            return Ok(None);
        }
        let Some(id) = dictionary::written_with(bytes) else { return Ok(None) };
        let known = self.0.profile.dictionaries.iter().find(|dictionary| dictionary.id() == id);
        known.map(Some).ok_or_else(|| dictionary::missing(id))
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("profile", &self.0.profile).finish_non_exhaustive()
    }
}

/// The same profile; what was learned and counted does not matter.
impl PartialEq for Packer {
    fn eq(&self, other: &Self) -> bool {
        self.0.profile == other.0.profile
    }
}
