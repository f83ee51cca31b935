//! How entries are compressed below near.

use super::Builder;
use crate::compress::{Compression, Profile};
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::site;

/// In whatever order they are called: what is said of one thing counts before what a profile says of all, and of two that
/// say the same the later.
impl Builder {
    /// The compression below near. Default: that of [`compress`](Self::compress), else zstd if compiled in, else zlib.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.compress.set_method(compression);
        self
    }

    /// The level of compression. Default: that of [`compress`](Self::compress), else 6 for zlib, 3 for zstd.
    pub fn compression_level(mut self, level: i32) -> Self {
        self.settings.compress.set_level(level);
        self
    }

    /// From how many bytes on a value is compressed. Default: that of [`compress`](Self::compress), else 1 KiB.
    pub fn compression_threshold(mut self, bytes: usize) -> Self {
        self.settings.compress.set_threshold(bytes);
        self
    }

    /// How entries are compressed below near, all of it at once: method, level, threshold, or by measurement
    /// ([`Profile::adaptive`], for each site by itself, which chooses method and level: to give these, too, is an error of
    /// [`build`](Self::build)). Default: zstd if compiled in, else zlib, from 1 KiB on.
    pub fn compress(mut self, profile: Profile) -> Self {
        self.settings.compress.set_usual(profile);
        self
    }

    /// One more profile, which `#[cache(compress = "its name")]` asks for. Default: `json`, `response`, `text` and `binary`.
    ///
    /// [`build`](Self::build) refuses a function that asks for one that is not there. One that says itself which cache
    /// serves it (`cache = ..`) is compressed as all are then, and the log says so when it is called first.
    pub fn compress_profile(mut self, profile: Profile) -> Self {
        self.settings.compress.add(profile);
        self
    }

    /// How the entries of one site or namespace are compressed, whatever its attribute says: by the site's name, or the end of
    /// it after a dot, so that a bare name is that of each function called so. Of several names that fit, the longest counts;
    /// where none does, that of the namespace, which is the first segment of its keys.
    /// The place for a [`Dictionary`](crate::compress::Dictionary). Default: by the attribute, else as all.
    ///
    /// A namespace is known only when it is opened: a name that nothing has had when [`Cache::stats`](crate::Cache::stats)
    /// is first asked is told to the log, once.
    pub fn compress_site(mut self, site: impl Into<String>, profile: Profile) -> Self {
        self.settings.compress.add_site(site.into(), profile);
        self
    }

    pub(super) fn check_compression(&self) -> Result<()> {
        self.settings.compress.check()?;
        known_profiles(&self.settings)
    }
}

/// A profile that nobody has given would be a compression by chance.
fn known_profiles(settings: &Settings) -> Result<()> {
    for site in site::linked() {
        // Another cache may know what this one does not.
        if let Some(name) = site.policy().compress
            && !site.declared().apart
            && settings.compress.named(name).is_none()
        {
            let known = settings.compress.names().join(", ");
            let text = format!("is unknown; give it with `Builder::compress_profile`, or take one of {known}");
            let place = format!("{}:{}", site.declared().file, site.declared().line);
            return Err(Error::config("compress", text).with("name", name).with("of", site.name()).with("at", place));
        }
    }
    Ok(())
}
