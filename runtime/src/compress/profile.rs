//! How one kind of data is compressed.

use std::borrow::Cow;

use super::accept::token;
use super::dictionary::{self, Dictionary};
use super::method::Compression;
use crate::error::{Error, Result};

/// Shorter than this, what is saved is not worth the time, or fits the same packet.
const THRESHOLD: usize = 1 << 10;
/// With a dictionary short values gain most.
const THRESHOLD_WITH_DICTIONARY: usize = 64;
const MAX_OUTPUT: usize = 64 << 20;
/// More could not be had in one piece, and to find that out would end the process.
const MOST_OUTPUT: usize = u32::MAX as usize;

/// How one kind of data is compressed: the method, its level, and from which length on.
///
/// Four are there without being given: [`json`](Self::json), [`response`](Self::response), [`text`](Self::text) and
/// [`binary`](Self::binary). One of yours with the name of one of these takes its place.
///
/// ```
/// use cached_runtime::Cache;
/// use cached_runtime::compress::{Compression, Profile};
///
/// # fn main() -> cached_runtime::Result<()> {
/// // `#[cache(compress = "reports")]` takes this one.
/// let reports = Profile::new("reports").method(Compression::Gzip).level(9).threshold(512);
/// let cache = Cache::builder().compress_profile(reports).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Profile {
    pub(super) name: Cow<'static, str>,
    /// What is done where nothing else is said.
    preset: How,
    method: Option<Compression>,
    level: Option<i32>,
    share: Option<f64>,
    threshold: Option<usize>,
    pub(super) max_output: usize,
    /// The first writes, if it is the profile's; all read.
    pub(super) dictionaries: Vec<Dictionary>,
    writes_with_dictionary: bool,
}

/// One way for all, or the way that turns out best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    Fixed(Compression, Option<i32>),
    /// The part of a core that compressing may take.
    Adaptive(f64),
}

impl Profile {
    /// A profile of this name, with the default method (zstd with feature `zstd`, else zlib) at its usual level.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self::preset(name.into(), How::Fixed(Compression::default(), None))
    }

    fn preset(name: Cow<'static, str>, preset: How) -> Self {
        Self {
            name,
            preset,
            method: None,
            level: None,
            share: None,
            threshold: None,
            max_output: MAX_OUTPUT,
            dictionaries: Vec::new(),
            writes_with_dictionary: false,
        }
    }

    /// JSON documents: zlib at level 6, which every language reads.
    pub fn json() -> Self {
        Self::preset("json".into(), How::Fixed(Compression::Zlib, None))
    }

    /// Bodies of HTTP responses: gzip at level 6, or what the client likes better.
    pub fn response() -> Self {
        Self::preset("response".into(), How::Fixed(Compression::Gzip, None))
    }

    /// Texts, logs, templates: the default method.
    pub fn text() -> Self {
        Self::new("text")
    }

    /// Data of no known kind: what pays, by measurement, within a tenth of a core.
    pub fn binary() -> Self {
        Self::preset("binary".into(), How::Adaptive(0.1))
    }

    /// The compressor. Default: zstd with feature `zstd`, else zlib.
    pub fn method(mut self, method: Compression) -> Self {
        self.method = Some(method);
        self
    }

    /// The compressor's level. Default: its usual one (6 for zlib and gzip, 3 for zstd).
    pub fn level(mut self, level: i32) -> Self {
        self.level = Some(level);
        self
    }

    /// Measures what each method and level saves and costs on this data, and takes the one that saves most while all
    /// compressing of this profile (of a site, where sites use it) takes no more than so much of one core: 0.05 is a
    /// twentieth. Takes none where nothing is saved: a tenth at least. Default: not, one method for all.
    ///
    /// Beside a method, a level or a dictionary it is refused: it could not keep to them.
    ///
    /// Costs beside that: one value in 64, or its first 64 KiB, is compressed by one more method; less often the longer
    /// nothing pays.
    pub fn adaptive(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// Data shorter than so many bytes is left as it is. Default: 1024, and 64 with a dictionary.
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = Some(bytes);
        self
    }

    /// What decompresses to more bytes is refused; at most 4 GiB. Entries of a cache are held to its `max_value` instead. Default: 64 MiB.
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// Writes and reads with this dictionary, by zstd; a level may be given. Beside another method, or
    /// [`adaptive`](Self::adaptive), it is refused. Default: none.
    #[cfg(feature = "zstd")]
    pub fn dictionary(mut self, dictionary: Dictionary) -> Self {
        self.dictionaries.insert(0, dictionary);
        self.writes_with_dictionary = true;
        self
    }

    /// Reads what was written with this dictionary, too. Default: none.
    #[cfg(feature = "zstd")]
    pub fn also_reads(mut self, dictionary: Dictionary) -> Self {
        self.dictionaries.push(dictionary);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The profiles that are there without being given.
    pub(crate) fn builtin(name: &str) -> Option<Self> {
        Self::all_builtin().into_iter().find(|profile| profile.name == name)
    }

    pub(crate) fn all_builtin() -> [Self; 4] {
        [Self::json(), Self::response(), Self::text(), Self::binary()]
    }

    /// The same with another method, at its usual level.
    pub(super) fn instead(self, method: Compression) -> Self {
        Self { method: Some(method), level: None, ..self }
    }

    /// What is to be done, of all that was said in whatever order.
    pub(super) fn how(&self) -> How {
        if let Some(share) = self.share {
            return How::Adaptive(share);
        }
        let usual = match self.preset {
            #[cfg(feature = "zstd")]
            _ if self.writes_with_dictionary => Compression::Zstd,
            How::Fixed(method, _) => method,
            How::Adaptive(_) => Compression::default(),
        };
        let is_said = self.method.is_some() || self.level.is_some() || self.writes_with_dictionary;
        if is_said { How::Fixed(self.method.unwrap_or(usual), self.level) } else { self.preset }
    }

    /// A client can read what its request names, and nothing that was learned or trained here.
    pub(super) fn check_for_clients(&self) -> Result<()> {
        let refuse = |setting, message| Err(Error::config(setting, message).with("profile", &self.name));
        if matches!(self.how(), How::Adaptive(_)) {
            return refuse("adaptive", "cannot be had for responses: the client says which encoding it takes");
        }
        if let How::Fixed(method, _) = self.how()
            && token(method).is_none()
        {
            return refuse("method", "is no encoding of HTTP: take zlib, gzip or zstd");
        }
        if !self.dictionaries.is_empty() {
            return refuse("dictionary", "cannot be had for responses: the client does not know it");
        }
        Ok(())
    }

    pub(super) fn least(&self) -> usize {
        let usual = if self.writes_with_dictionary { THRESHOLD_WITH_DICTIONARY } else { THRESHOLD };
        self.threshold.unwrap_or(usual)
    }

    pub(super) fn writing_dictionary(&self) -> Option<&Dictionary> {
        self.dictionaries.first().filter(|_| self.writes_with_dictionary)
    }

    /// Is what was said of it possible?
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |setting, message: String| Err(Error::config(setting, message).with("profile", &self.name));
        if self.name.is_empty() {
            return refuse("profile", "needs a name".to_owned());
        }
        if self.max_output == 0 || self.max_output > MOST_OUTPUT {
            return refuse(
                "max_output",
                "must be above 0, and at most 4 GiB: it is what a hostile stream may cost".to_owned(),
            );
        }
        let how = self.how();
        if self.writes_with_dictionary && !takes_dictionary(how) {
            return refuse("dictionary", "only zstd takes one: leave `method` and `adaptive` out".to_owned());
        }
        match how {
            How::Fixed(method, Some(level)) => {
                method.check_level(level).map_err(|error| error.with("profile", &self.name))?;
            }
            How::Adaptive(share) if !(share > 0.0 && share <= 1024.0) => {
                return refuse("adaptive", "must be a part of a core above 0, such as 0.05".to_owned());
            }
            How::Adaptive(_) if self.method.is_some() || self.level.is_some() => {
                return refuse("adaptive", "chooses the method and its level: leave those out, or it".to_owned());
            }
            _ => {}
        }
        dictionary::check(&self.dictionaries)
    }
}

const fn takes_dictionary(how: How) -> bool {
    #[cfg(feature = "zstd")]
    return matches!(how, How::Fixed(Compression::Zstd, _));
    #[cfg(not(feature = "zstd"))]
    {
        let _ = how;
        false
    }
}
