//! How a configuration wants values compressed.

use std::collections::BTreeMap;

use super::Config;
use crate::builder::Builder;
use crate::compress::{Compression, Compressor, Profile};
use crate::error::{Error, Result};
use crate::site;

impl Config {
    /// A [`Compressor`] for JSON, responses and other bytes with the profiles that are configured: `json_level`,
    /// `response_level`, `compression.profiles`.
    ///
    /// # Errors
    /// A `Config` error that names the profile and what of it is not possible.
    pub fn compressor(&self) -> Result<Compressor> {
        let profiles = self.profiles()?;
        profiles.into_values().fold(Compressor::builder(), crate::compress::CompressorBuilder::profile).build()
    }

    /// The profiles of which something is said.
    fn profiles(&self) -> Result<BTreeMap<&str, Profile>> {
        let mut profiles: BTreeMap<&str, Profile> = BTreeMap::new();
        let parts = self.settled.values().filter(|said| said.setting.name.starts_with("compression.profiles."));
        for said in parts {
            let name = said.star.as_str();
            let profile = profiles.remove(name).unwrap_or_else(|| self.begun(name));
            let given = said.given();
            let profile = match said.setting.name {
                "compression.profiles.*.method" => {
                    profile.method(given.text().parse::<Compression>().map_err(|error| said.blame(error))?)
                }
                "compression.profiles.*.level" => profile.level(given.level()),
                "compression.profiles.*.threshold" => profile.threshold(given.size()),
                "compression.profiles.*.adaptive" => profile.adaptive(given.share()),
                _ => profile.max_output(given.size()),
            };
            profiles.insert(name, profile);
        }
        for (name, profile) in &profiles {
            profile.check().map_err(|error| self.blame(name, error))?;
        }
        Ok(profiles)
    }

    /// What compresses if no profile is named: its method and level alone.
    fn usual(&self) -> Result<Profile> {
        let mut usual = Profile::new("cache");
        if let Some(said) = self.get("compression.method") {
            usual = usual.method(said.given().text().parse().map_err(|error| said.blame(error))?);
        }
        let level = self.get("compression.level").map(|said| said.given().level());
        Ok(level.into_iter().fold(usual, Profile::level))
    }

    /// The error with what is to blame: where it can be the level, then that.
    fn blame(&self, profile: &str, error: Error) -> Error {
        let parts = self.settled.values().filter(|said| said.setting.name.starts_with("compression.profiles."));
        let mut parts: Vec<_> = parts.filter(|said| said.star == profile).collect();
        let about_level = error.context("setting") == Some("compression_level");
        parts.sort_by_key(|said| about_level != (said.setting.name == "compression.profiles.*.level"));
        match parts.first() {
            Some(said) => said.blame(error),
            None => error,
        }
    }

    /// The profile that is there by this name, or one that is new.
    fn begun(&self, name: &str) -> Profile {
        Profile::builtin(name).unwrap_or_else(|| Profile::new(name.to_owned()))
    }
}

impl Builder {
    pub(super) fn configured_compression(mut self, config: &Config) -> Result<Self> {
        let is_off = config.switch("compression.enabled") == Some(false);
        for (name, profile) in config.profiles()? {
            let profile = if is_off { plain(name) } else { profile };
            self = self.compress_profile(profile);
        }
        if is_off {
            return Ok(self.without_compression());
        }
        if let Some(said) = config.get("compression.method") {
            let method = said.given().text().parse::<Compression>().map_err(|error| said.blame(error))?;
            self = self.compression(method);
        }
        if let Some(said) = config.get("compression.level") {
            config.usual()?.check().map_err(|error| said.blame(error))?;
            self = self.compression_level(said.given().level());
        }
        if let Some(bytes) = config.number("compression.threshold") {
            self = self.compression_threshold(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        for said in config.of("sites.*.compress") {
            let name = said.given().text().to_owned();
            let profile = config.profiles()?.remove(name.as_str()).or_else(|| Profile::builtin(&name));
            let profile = profile.ok_or_else(|| {
                said.refuse(format!(
                    "there is no profile of this name: give it under `compression.profiles`, or take one of {}",
                    Profile::all_builtin().map(|known| format!("`{}`", known.name())).join(", ")
                ))
            })?;
            self = self.compress_site(said.site()?, profile);
        }
        Ok(self)
    }

    /// By no profile either, whichever functions name.
    fn without_compression(mut self) -> Self {
        let named = site::linked().filter_map(|site| site.policy().compress);
        let builtin = Profile::all_builtin();
        let builtin: Vec<&str> = builtin.iter().map(Profile::name).collect();
        for name in named.chain(builtin) {
            self = self.compress_profile(plain(name));
        }
        self.compression(Compression::None)
    }
}

fn plain(name: &str) -> Profile {
    Profile::new(name.to_owned()).method(Compression::None)
}
