//! How entries are compressed below near.

use super::Builder;
use crate::compress::{Compression, Profile};
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::site;

impl Builder {
    /// The compression below near. Default: zstd if compiled in, else zlib.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.compress.usual = self.settings.compress.usual.method(compression);
        self
    }

    /// The level of compression. Default: 6 for zlib, 3 for zstd.
    pub fn compression_level(mut self, level: i32) -> Self {
        self.settings.compress.usual = self.settings.compress.usual.level(level);
        self
    }

    /// From how many bytes on a value is compressed. Default: 1 KiB.
    pub fn compression_threshold(mut self, bytes: usize) -> Self {
        self.settings.compress.usual = self.settings.compress.usual.threshold(bytes);
        self
    }

    /// How entries are compressed below near, all of it at once: method, level, threshold, or by measurement
    /// ([`Profile::adaptive`], for each site by itself). Takes the place of the three settings above when it comes after them.
    /// Default: zstd if compiled in, else zlib, from 1 KiB on.
    pub fn compress(mut self, profile: Profile) -> Self {
        self.settings.compress.usual = profile;
        self
    }

    /// One more profile, which `#[cache(compress = "its name")]` asks for. Default: `json`, `response`, `text` and `binary`.
    pub fn compress_profile(mut self, profile: Profile) -> Self {
        self.settings.compress.add(profile);
        self
    }

    /// How the entries of one site or namespace are compressed, whatever its attribute says: by its name, or the end of it
    /// after a dot, so a bare name is that of each function called so, too, and one that nothing has says nothing. The place for a [`Dictionary`](crate::compress::Dictionary). Default: by the attribute, else as all.
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
