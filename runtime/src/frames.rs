//! A site's values as frames: sealed under its fingerprint, and opened only if they carry it.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::xxh3_64;

use crate::clock::Clock;
use crate::codec::{Codec, Frame, Head, Keys, Schema};
use crate::compress::Packer;
use crate::depth::Codecs;
use crate::error::{Error, Result};
use crate::log::Birth;
use crate::names::Named;
use crate::policy::Policy;
use crate::settings::Settings;
use crate::shelf::Life;
use crate::stats::CompressStats;
use crate::strangers::Strangers;

/// How one site's values become frames.
pub(crate) struct Frames {
    site: String,
    version: u32,
    codec: Codec,
    packer: Packer,
    /// What frames are encrypted with, if they are.
    keys: Option<Arc<Keys>>,
    /// The schema of what is stored, and the fingerprint of frames; known when the first is sealed or opened.
    print: OnceLock<(Schema, u64)>,
    strangers: Arc<Strangers>,
    clock: Clock,
}

impl Frames {
    pub(crate) fn new(site: &str, namespace: &str, policy: &Policy, settings: &Settings) -> Self {
        Self {
            site: site.to_owned(),
            version: policy.version,
            codec: settings.codec_for(policy.format),
            packer: settings.compress.packer_for(site, namespace, policy.compress),
            keys: settings.keys.clone(),
            print: OnceLock::new(),
            strangers: Arc::clone(&settings.strangers),
            clock: settings.clock.clone(),
        }
    }

    /// The fingerprint is of site, version and type.
    fn print<T>(&self, codecs: &Codecs<T>) -> &(Schema, u64) {
        self.print.get_or_init(|| {
            let schema = (codecs.schema)();
            let text = format!("{}\0{}\0{:016x}", self.site, self.version, schema.fingerprint);
            (schema, xxh3_64(text.as_bytes()))
        })
    }

    /// Encodes a value.
    pub(crate) fn seal<T>(
        &self,
        codecs: &Codecs<T>,
        value: &T,
        named: &Named,
        birth: Birth,
        life: Life,
    ) -> Result<Frame> {
        let (schema, fingerprint) = self.print(codecs);
        let encoded = (codecs.encode)(&self.codec, &self.packer, value, schema)?;
        let head = Head {
            fingerprint: *fingerprint,
            birth: birth.position,
            shared: birth.shared,
            born: life.born,
            fresh_until: life.fresh_until,
            stale_until: life.stale_until,
            key: named.key.clone(),
            tags: Arc::clone(&named.tags),
            format: encoded.format,
            compression: encoded.compression,
            raw_len: encoded.raw_len,
        };
        match &self.keys {
            Some(keys) => keys.seal(head, &encoded.payload),
            None => Frame::seal(head, &encoded.payload),
        }
    }

    /// Decodes a frame, if it was written by this site for this type.
    ///
    /// A frame with tags that the site does not give (any more) is not: a hit would not notice their invalidation.
    pub(crate) fn open<T>(&self, codecs: &Codecs<T>, frame: &Frame, watches: impl Fn(&str) -> bool) -> Option<T> {
        let (_, fingerprint) = self.print(codecs);
        if frame.head().fingerprint != *fingerprint {
            self.strangers.met(&self.site, *fingerprint, frame, self.clock.now());
            return None;
        }
        if !frame.tags().all(watches) {
            return None;
        }
        let payload = match &self.keys {
            Some(keys) => keys.open(frame).inspect_err(|error| self.refuse(error)).ok()?,
            None if frame.is_encrypted() => return None,
            None => Cow::Borrowed(frame.payload()),
        };
        (codecs.decode)(&self.codec, &self.packer, frame.head(), &payload).inspect_err(|error| self.refuse(error)).ok()
    }

    /// Was this frame written by this site for this type? Not known before the first was sealed or opened.
    #[cfg(feature = "_seen")]
    pub(crate) fn reads(&self, frame: &Frame) -> Option<bool> {
        self.print.get().map(|(_, fingerprint)| frame.head().fingerprint == *fingerprint)
    }

    /// What compressing was worth.
    pub(crate) fn stats(&self) -> CompressStats {
        self.packer.stats()
    }

    /// Why a frame is not opened: the counter alone does not tell a change of keys from a change of frames.
    #[cold]
    fn refuse(&self, error: &Error) {
        tracing::debug!(site = %self.site, "{error}");
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("site", &self.site).field("version", &self.version).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::depth::{Depth, Framed};
    use crate::group::Position;
    use crate::key::Key;

    fn opened(sealed_by: &Frames, opened_by: &Frames) -> Option<u64> {
        let codecs = Depth::<u64>::codecs(Framed)?;
        let named = Named { key: Key::from_stored("one:1"), tags: Arc::from([]) };
        let birth = Birth { seq: 0, position: Position { epoch: 1, number: 1 }, shared: Position::NOWHERE };
        let frame =
            sealed_by.seal(&codecs, &7, &named, birth, Life { born: 1, fresh_until: 2, stale_until: 2 }).ok()?;
        opened_by.open(&codecs, &frame, |_| true)
    }

    #[test]
    fn a_version_that_was_raised_makes_older_frames_misses() {
        let at = |version| Frames::new("site", "site", &Policy { version, ..Policy::DEFAULT }, &Settings::default());
        assert_eq!(opened(&at(1), &at(1)), Some(7));
        assert_eq!(opened(&at(1), &at(2)), None);
    }

    #[test]
    fn a_frame_is_opened_by_its_own_site_only() {
        let of = |site| Frames::new(site, site, &Policy::DEFAULT, &Settings::default());
        assert_eq!(opened(&of("a"), &of("a")), Some(7));
        assert_eq!(opened(&of("a"), &of("b")), None);
    }
}
