//! What is said of sites in the place of their attributes, before and while they run.

use std::time::Duration;

use super::{Builder, bounded, lasting};
use crate::cache::Cache;
use crate::clock::millis;
use crate::dials::{By, Lives, Tuning};
use crate::error::{Error, Result};
use crate::key::{Pattern, check_namespace};
use crate::site;

impl Builder {
    /// What is said of a site in the place of its attribute; see [`Tuning`]. The site is named as
    /// [`Site::name`](crate::site::Site::name) has it, by the end of that after a dot where no other's ends so, or by the
    /// namespace of a [`Namespace`](crate::Namespace). Default: nothing.
    ///
    /// [`Builder::build`] refuses a life of zero, times of more than a century, and the end of several names. A name that
    /// no function has is told in the log: it may be that of a namespace, which nobody has opened yet. Where a namespace is
    /// called as the name of a function ends, both are meant.
    pub fn tune(mut self, site: &str, tuning: Tuning) -> Self {
        self.tunings.push((site.to_owned(), tuning, By::Code));
        self
    }

    /// The same, as the configuration says it.
    #[cfg(feature = "config")]
    pub(crate) fn tune_configured(mut self, site: String, tuning: Tuning) -> Self {
        self.tunings.push((site, tuning, By::Configuration));
        self
    }

    /// Does every call go by the cache at first? See [`Cache::pause`]. Default: no.
    pub fn paused(self, paused: bool) -> Self {
        self.settings.dials.pause(paused);
        self
    }

    pub(super) fn check_tunings(&self) -> Result<()> {
        let meant = |site: &str| Ok::<_, Error>(linked_name(site)?.unwrap_or_else(|| site.to_owned()));
        self.tunings.iter().try_for_each(|(site, tuning, _)| check(&meant(site)?, tuning))
    }

    /// Says what was asked for.
    pub(super) fn turn(&self) -> Result<()> {
        self.settings.dials.set_lives(lives(self.ttl, &self.ttl_patterns)?);
        for (site, tuning, by) in &self.tunings {
            // Also by the name as it stands: a namespace may be called so.
            self.settings.dials.begin(site, tuning, *by);
            match linked_name(site)? {
                Some(full) => self.settings.dials.begin(&full, tuning, *by),
                None => tracing::info!(site, "`tune` names no cached function: a namespace's name, or misspelt"),
            }
        }
        Ok(())
    }
}

/// The full name of the function that is named, if one is.
fn linked_name(name: &str) -> Result<Option<String>> {
    full_name(name, site::linked().map(|site| site.name().to_owned()).collect())
}

/// The one of these names that is meant: it, or the only one that ends so after a dot.
fn full_name(name: &str, mut names: Vec<String>) -> Result<Option<String>> {
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|known| known == name) {
        return Ok(Some(name.to_owned()));
    }
    let ends = |known: &String| known.strip_suffix(name).is_some_and(|head| head.ends_with('.'));
    let mut found = names.into_iter().filter(|known| !name.is_empty() && ends(known));
    match (found.next(), found.next()) {
        (Some(first), Some(second)) => Err(Error::config("site", "several names end so; say more of it")
            .with("site", name)
            .with("first", first)
            .with("second", second)),
        (only, _) => Ok(only),
    }
}

impl Cache {
    /// Says something of a site in the place of its attribute, from now on; see [`Tuning`].
    ///
    /// The site is named in full, or by the end of its name after a dot where no other site's ends so.
    ///
    /// # Errors
    /// A `Config` error if there is no such site, or several; if the life is zero, or not longer than the site's
    /// `refresh_ahead`: then each hit would begin a load; if a time is longer than a century.
    pub fn tune(&self, site: &str, tuning: &Tuning) -> Result<()> {
        let site = self.site_named(site)?;
        check(&site, tuning)?;
        self.0.settings.dials.turn(&site, tuning);
        tracing::info!(site, ?tuning, "a site was tuned");
        #[cfg(feature = "_seen")]
        self.note_event(&site, format!("it was tuned: {tuning}"));
        self.heed(Some(&site));
        Ok(())
    }

    /// Says of a site of this full name what the second says otherwise than the first. All else stays as somebody has set it.
    #[cfg(feature = "config")]
    pub(crate) fn retune(&self, site: &str, now: &Tuning, next: &Tuning) {
        self.0.settings.dials.change(site, now, next);
        tracing::info!(site, tuning = ?next, "a site was tuned");
        self.heed(Some(site));
    }

    /// Takes back all that was said of a site with [`Cache::tune`]: it is again as its attribute asks for, and
    /// [`Builder::tune`] and the configuration say.
    ///
    /// # Errors
    /// A `Config` error if there is no such site, or several.
    pub fn untune(&self, site: &str) -> Result<()> {
        let site = self.site_named(site)?;
        self.0.settings.dials.turn_back(&site);
        tracing::info!(site, "a site is as attribute and configuration say again");
        #[cfg(feature = "_seen")]
        self.note_event(&site, "it is as attribute and configuration say again");
        self.heed(Some(&site));
        Ok(())
    }

    /// Could that be said of a site?
    #[cfg(feature = "http")]
    pub(crate) fn check_tuning(&self, site: &str, tuning: &Tuning) -> Result<()> {
        check(site, tuning)
    }

    /// What is said of a site in the place of its attribute.
    ///
    /// # Errors
    /// A `Config` error if there is no such site, or several.
    pub fn tuned(&self, site: &str) -> Result<Tuning> {
        Ok(self.0.settings.dials.of(&self.site_named(site)?).tuning())
    }

    /// Lets every call go by the cache, or not any more: the way back when caching itself is in doubt.
    ///
    /// While it is paused each call runs its body, nothing is read or stored, and nothing is loaded ahead. Invalidations are
    /// told to all tiers and nodes as ever, so that what was stored before can be trusted when it goes on.
    pub fn pause(&self, paused: bool) {
        self.0.settings.dials.pause(paused);
        tracing::warn!(paused, "caching was switched");
        #[cfg(feature = "_seen")]
        self.note_event("", if paused { "caching was paused" } else { "caching goes on" });
        self.heed(None);
    }

    /// Does every call go by the cache?
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.settings.dials.is_paused()
    }

    /// Bytes near may hold, all sites together.
    #[must_use]
    pub fn near_capacity(&self) -> u64 {
        self.0.balance.budget()
    }

    /// Changes how many bytes near may hold; what is too much is dropped now.
    pub fn set_near_capacity(&self, bytes: u64) {
        self.0.balance.set_budget(bytes);
    }

    /// Changes how many bytes near may hold for one namespace. With 0 it holds nothing.
    ///
    /// # Errors
    /// A `Config` error if this is no namespace.
    pub fn set_namespace_limit(&self, namespace: &str, bytes: u64) -> Result<()> {
        check_namespace("namespace_limit", namespace)?;
        self.0.balance.set_limit(namespace, bytes);
        Ok(())
    }

    /// Changes how long values are fresh whose site says nothing, and the lives by pattern that come before it; see
    /// [`Builder::ttl`] and [`Builder::ttl_for`]. Entries keep the lives they were given.
    ///
    /// # Errors
    /// A `Config` error if a life is zero or longer than a century, or a glob is wrong.
    pub fn set_ttl(&self, ttl: Duration, patterns: &[(&str, Duration)]) -> Result<()> {
        let patterns: Vec<_> = patterns.iter().map(|(glob, ttl)| ((*glob).to_owned(), *ttl)).collect();
        check_lives(ttl, &patterns)?;
        self.0.settings.dials.set_lives(lives(ttl, &patterns)?);
        #[cfg(feature = "_seen")]
        self.note_event("", "lives by pattern were changed");
        Ok(())
    }

    /// Lets nothing be loaded ahead by `prefetch` and `predict`, or lets it again. Loads that have begun go on.
    pub fn set_prefetching(&self, prefetching: bool) {
        self.0.settings.dials.rest(!prefetching);
    }

    /// Is something loaded ahead, where functions ask for it?
    #[must_use]
    pub fn is_prefetching(&self) -> bool {
        !self.0.settings.dials.rests()
    }

    /// The names of all shelves.
    fn shelf_names(&self) -> Vec<String> {
        self.0.counted.lock().iter().map(|shelf| shelf.name().to_owned()).collect()
    }

    /// Lets all shelves of this site, or of all, do as their dials say.
    fn heed(&self, site: Option<&str>) {
        let shelves = self.0.counted.lock().clone();
        shelves
            .iter()
            .filter(|shelf| site.is_none_or(|site| shelf.name() == site))
            .for_each(|shelf| shelf.heed(&self.0.log));
        self.0.balance.settle();
    }

    /// The full name of a site.
    pub(crate) fn site_named(&self, name: &str) -> Result<String> {
        let linked = site::linked().map(|site| site.name().to_owned());
        let nobody = || Error::config("site", "there is no cached function of this name").with("site", name);
        full_name(name, linked.chain(self.shelf_names()).collect())?.ok_or_else(nobody)
    }
}

/// A life that was said has to be one, and no longer than a century.
pub(crate) fn check(name: &str, tuning: &Tuning) -> Result<()> {
    if let Some(stale) = tuning.stale {
        bounded("stale", stale).map_err(|e| e.with("site", name))?;
    }
    let Some(ttl) = tuning.ttl else { return Ok(()) };
    lasting("ttl", ttl).map_err(|e| e.with("site", name))?;
    let ahead = site::linked().filter(|site| site.name() == name).map(|site| site.policy().refresh_ahead).max();
    match ahead {
        Some(ahead) if ahead > 0 && millis(ttl) <= ahead => {
            let text = "has to be longer than the site's `refresh_ahead`, or each hit would begin a load";
            Err(Error::config("ttl", text).with("site", name).with("refresh_ahead_ms", ahead))
        }
        _ => Ok(()),
    }
}

/// The lives of what nobody says more of have to be some.
pub(super) fn check_lives(ttl: Duration, patterns: &[(String, Duration)]) -> Result<()> {
    lasting("ttl", ttl)?;
    patterns.iter().try_for_each(|(glob, ttl)| lasting("ttl_for", *ttl).map_err(|e| e.with("pattern", glob)))
}

fn lives(ttl: Duration, patterns: &[(String, Duration)]) -> Result<Lives> {
    let pattern = |(glob, ttl): &(String, Duration)| {
        let pattern = Pattern::new(glob).map_err(|e| Error::config("ttl_for", e.to_string()))?;
        Ok((pattern, millis(*ttl)))
    };
    Ok(Lives { ttl: millis(ttl), patterns: patterns.iter().map(pattern).collect::<Result<_>>()? })
}
