//! The profiles of a cache: the usual one, those with names, and those of single sites.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::method::Compression;
use super::packer::Packer;
use super::profile::Profile;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    /// For all that ask for none, but for what is said of it one by one.
    usual: Profile,
    method: Option<Compression>,
    level: Option<i32>,
    threshold: Option<usize>,
    named: Vec<Profile>,
    sites: Vec<OfSite>,
}

/// The profile of sites of one name.
#[derive(Debug, Clone)]
struct OfSite {
    name: String,
    profile: Profile,
    /// Was there a site or a namespace of this name, or was it told that there is none? For all handles.
    settled: Arc<AtomicBool>,
}

impl OfSite {
    /// By the whole name, or by its end after a dot.
    fn is_of(&self, site: &str) -> bool {
        site.strip_suffix(self.name.as_str()).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    }
}

impl Default for Profiles {
    fn default() -> Self {
        let usual = Profile::new("cache");
        Self { usual, method: None, level: None, threshold: None, named: Vec::new(), sites: Vec::new() }
    }
}

impl Profiles {
    /// For all that ask for none; of two the later.
    pub(crate) fn set_usual(&mut self, profile: Profile) {
        self.usual = profile;
    }

    /// The method of that, whatever it says itself, and so on.
    pub(crate) fn set_method(&mut self, method: Compression) {
        self.method = Some(method);
    }

    pub(crate) fn set_level(&mut self, level: i32) {
        self.level = Some(level);
    }

    pub(crate) fn set_threshold(&mut self, bytes: usize) {
        self.threshold = Some(bytes);
    }

    /// One more with a name; of two the later.
    pub(crate) fn add(&mut self, profile: Profile) {
        self.named.retain(|known| known.name() != profile.name());
        self.named.push(profile);
    }

    /// One for a site or a namespace; of two the later.
    pub(crate) fn add_site(&mut self, name: String, profile: Profile) {
        self.sites.retain(|known| known.name != name);
        self.sites.push(OfSite { name, profile, settled: Arc::default() });
    }

    pub(crate) fn named(&self, name: &str) -> Option<Profile> {
        let own = self.named.iter().find(|profile| profile.name() == name).cloned();
        own.or_else(|| Profile::builtin(name))
    }

    /// What compresses a site's entries: the profile of its own, that of its namespace, the one that its attribute names, or
    /// the usual one.
    pub(crate) fn packer_for(&self, site: &str, namespace: &str, asked: Option<&str>) -> Packer {
        let named = || {
            let name = asked?;
            let named = self.named(name);
            if named.is_none() {
                // A function that says itself which cache serves it is not known before it is called.
                tracing::warn!(
                    site,
                    profile = name,
                    "an unknown profile of compression: give it with `Builder::compress_profile`"
                );
            }
            named
        };
        let own = self.of_site(site).or_else(|| self.of_namespace(namespace));
        Packer::new(own.or_else(named).unwrap_or_else(|| self.usual()))
    }

    fn usual(&self) -> Profile {
        let mut usual = self.usual.clone();
        usual = self.method.into_iter().fold(usual, Profile::method);
        usual = self.level.into_iter().fold(usual, Profile::level);
        self.threshold.into_iter().fold(usual, Profile::threshold)
    }

    /// By the longest name that is the site's, which is the whole one if it is there.
    fn of_site(&self, site: &str) -> Option<Profile> {
        let mut best: Option<&OfSite> = None;
        for known in self.sites.iter().filter(|known| known.is_of(site)) {
            known.settled.store(true, Relaxed);
            best = best.filter(|best| best.name.len() > known.name.len()).or(Some(known));
        }
        best.map(|best| best.profile.clone())
    }

    fn of_namespace(&self, namespace: &str) -> Option<Profile> {
        let known = self.sites.iter().find(|known| known.name == namespace)?;
        known.settled.store(true, Relaxed);
        Some(known.profile.clone())
    }

    /// Names that no site here, and nothing that was asked for, has had so far: each is given once.
    pub(crate) fn unmet<'a, I: Iterator<Item = &'a str>>(&self, sites: impl Fn() -> I) -> Vec<&str> {
        let unmet = |known: &&OfSite| {
            !known.settled.load(Relaxed) && !sites().any(|site| known.is_of(site)) && !known.settled.swap(true, Relaxed)
        };
        self.sites.iter().filter(unmet).map(|known| known.name.as_str()).collect()
    }

    /// Which names there are.
    pub(crate) fn names(&self) -> Vec<String> {
        let builtin = Profile::all_builtin();
        let own = self.named.iter().filter(|own| builtin.iter().all(|known| known.name() != own.name()));
        builtin.iter().chain(own).map(|profile| profile.name().to_owned()).collect()
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.usual().check()?;
        self.named.iter().try_for_each(Profile::check)?;
        for OfSite { name, profile, .. } in &self.sites {
            if name.is_empty() {
                return Err(Error::config("compress_site", "needs the name of a site or a namespace"));
            }
            profile.check().map_err(|error| error.with("site", name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(threshold: usize) -> Profile {
        Profile::new("sized").threshold(threshold)
    }

    #[test]
    fn the_longest_name_counts_whatever_comes_first() {
        let names = ["frames", "video.frames", "app.video.frames"];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut profiles = Profiles::default();
            order.iter().for_each(|at| profiles.add_site(names[*at].to_owned(), sized(*at)));
            for (site, at) in [("frames", 0), ("app.frames", 0), ("other.video.frames", 1), ("app.video.frames", 2)] {
                assert_eq!(profiles.of_site(site), Some(sized(at)), "{site}");
            }
            assert_eq!(profiles.of_site("myframes"), None);
            assert_eq!(profiles.of_site("frames.video"), None);
        }
    }

    #[test]
    fn a_namespace_has_its_profile_where_its_functions_have_none() {
        let mut profiles = Profiles::default();
        profiles.add_site("video".to_owned(), sized(1));
        profiles.add_site("frames".to_owned(), sized(2));
        let threshold = |site, namespace| profiles.packer_for(site, namespace, Some("json")).profile().clone();
        assert_eq!(threshold("app.captions", "video"), sized(1));
        assert_eq!(threshold("app.frames", "video"), sized(2));
        assert_eq!(threshold("app.captions", "videos").name(), "json");
    }

    #[test]
    fn a_name_that_nothing_has_is_told_once() {
        let mut profiles = Profiles::default();
        for name in ["asked", "linked", "nobody"] {
            profiles.add_site(name.to_owned(), sized(1));
        }
        let handle = profiles.clone();
        assert!(profiles.of_site("app.asked").is_some());
        assert_eq!(handle.unmet(|| ["app.linked"].into_iter()), ["nobody"]);
        assert!(profiles.unmet(|| ["app.linked"].into_iter()).is_empty(), "all handles have told it");
    }

    #[test]
    fn what_is_said_one_by_one_holds_in_any_order() {
        type Say = fn(&mut Profiles);
        let says: [Say; 3] = [
            |profiles| profiles.set_usual(Profile::new("own").level(9).threshold(7)),
            |profiles| profiles.set_method(Compression::Gzip),
            |profiles| profiles.set_level(2),
        ];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut profiles = Profiles::default();
            order.iter().for_each(|at| says[*at](&mut profiles));
            let usual = profiles.usual();
            assert_eq!(usual, Profile::new("own").method(Compression::Gzip).level(2).threshold(7));
        }
    }
}
