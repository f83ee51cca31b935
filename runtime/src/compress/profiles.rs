//! The profiles of a cache: the usual one, those with names, and those of single sites.

use super::profile::Profile;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    /// For all that ask for none.
    pub(crate) usual: Profile,
    named: Vec<Profile>,
    sites: Vec<(String, Profile)>,
}

impl Default for Profiles {
    fn default() -> Self {
        Self { usual: Profile::new("cache"), named: Vec::new(), sites: Vec::new() }
    }
}

impl Profiles {
    /// One more with a name; of two the later.
    pub(crate) fn add(&mut self, profile: Profile) {
        self.named.retain(|known| known.name() != profile.name());
        self.named.push(profile);
    }

    /// One for a site or a namespace; of two the later.
    pub(crate) fn add_site(&mut self, site: String, profile: Profile) {
        self.sites.retain(|(known, _)| *known != site);
        self.sites.push((site, profile));
    }

    pub(crate) fn named(&self, name: &str) -> Option<Profile> {
        let own = self.named.iter().find(|profile| profile.name() == name).cloned();
        own.or_else(|| Profile::builtin(name))
    }

    /// By the whole name, or by its end after a dot.
    pub(crate) fn of_site(&self, site: &str) -> Option<Profile> {
        let is_it = |name: &str| site.strip_suffix(name).is_some_and(|head| head.is_empty() || head.ends_with('.'));
        self.sites.iter().find(|(name, _)| is_it(name)).map(|(_, profile)| profile.clone())
    }

    /// Which names there are.
    pub(crate) fn names(&self) -> Vec<String> {
        let builtin = Profile::all_builtin();
        let own = self.named.iter().filter(|own| builtin.iter().all(|known| known.name() != own.name()));
        builtin.iter().chain(own).map(|profile| profile.name().to_owned()).collect()
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.usual.check()?;
        self.named.iter().try_for_each(Profile::check)?;
        for (site, profile) in &self.sites {
            if site.is_empty() {
                return Err(Error::config("compress_site", "needs the name of a site or a namespace"));
            }
            profile.check().map_err(|error| error.with("site", site))?;
        }
        Ok(())
    }
}
