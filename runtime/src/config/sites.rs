//! What a configuration says of single functions.

use std::collections::BTreeMap;

use super::layer::contradiction;
use super::nearest::among;
use super::{Config, Said};
use crate::builder::{Builder, check_tuning};
use crate::dials::Tuning;
use crate::error::Result;
use crate::key::Pattern;
use crate::site::{self, Site};

/// The rows that are numbers of a running function.
const TUNED: [&str; 4] = ["sites.*.enabled", "sites.*.ttl", "sites.*.stale", "sites.*.capacity"];

impl Config {
    /// What is said of each function, by its full name.
    ///
    /// # Errors
    /// A `Config` error for the name of a function that is not there, for one that several have, and for what cannot be.
    pub(super) fn tunings(&self) -> Result<BTreeMap<String, Tuning>> {
        let mut tunings: BTreeMap<String, Tuning> = BTreeMap::new();
        for (site, said) in self.of_sites()? {
            if TUNED.contains(&said.setting.name) {
                let tuning = tunings.entry(site.clone()).or_default();
                tune(tuning, said);
                check_tuning(&site, tuning).map_err(|error| said.blame(error))?;
            }
        }
        Ok(tunings)
    }

    /// # Errors
    /// A `Config` error for a rate of a function that could not tell its callers of it.
    pub(super) fn check_rates(&self) -> Result<()> {
        for said in self.of("sites.*.rate") {
            let site = said.site()?;
            if !site::linked().any(|known| known.name() == site && known.policy().rate.is_some()) {
                return Err(
                    said.refuse("this function cannot say that a load was refused: give its attribute a `rate`")
                );
            }
        }
        Ok(())
    }

    /// # Errors
    /// A `Config` error for a path of responses that is no glob: the layer would be refused much later.
    pub(super) fn check_globs(&self) -> Result<()> {
        for said in self.of("response.paths").chain(self.of("response.exclude")) {
            for glob in said.given().list() {
                Pattern::new(glob).map_err(|error| said.refuse(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// All that is said of functions, with their full names.
    pub(super) fn of_sites(&self) -> Result<Vec<(String, &Said)>> {
        let mut known: BTreeMap<(String, &str), &Said> = BTreeMap::new();
        for said in self.settled.values().filter(|said| said.setting.section() == "sites") {
            let site = said.site()?;
            // A variable names it in full, a file as it likes: the later source counts.
            let other = known.get(&(site.clone(), said.setting.name));
            match other {
                Some(other) if other.source > said.source => continue,
                Some(other) if other.source == said.source && other.value != said.value => {
                    return Err(contradiction(&said.field(), other, said));
                }
                _ => drop(known.insert((site, said.setting.name), said)),
            }
        }
        Ok(known.into_iter().map(|((site, _), said)| (site, said)).collect())
    }
}

impl Said {
    /// The full name of the function that it is about: the one of this name, or whose name ends so after a dot.
    pub(super) fn site(&self) -> Result<String> {
        let star = self.star.as_str();
        let ends = |name: &&str| name.strip_suffix(star).is_some_and(|head| head.ends_with('.'));
        let mut names: Vec<&str> = site::linked().map(Site::name).collect();
        names.sort_unstable();
        names.dedup();
        if names.contains(&star) {
            return Ok(star.to_owned());
        }
        let found: Vec<&&str> = names.iter().filter(|name| ends(name)).collect();
        match found.as_slice() {
            [name] => Ok((**name).to_owned()),
            [] => Err(self.unknown(&names)),
            [one, other, ..] => {
                let why = "several cached functions have a name that ends so: write more of it";
                Err(self.refuse(why).with("first", one).with("second", other))
            }
        }
    }

    fn unknown(&self, names: &[&str]) -> crate::error::Error {
        let last = |name: &&'_ str| name.rsplit('.').next().map(str::to_owned);
        let ends: Vec<String> = names.iter().filter_map(last).collect();
        let near =
            among(&self.star, names.iter().copied()).or_else(|| among(&self.star, ends.iter().map(String::as_str)));
        self.refuse(match near {
            Some(name) => format!("there is no cached function of this name: is `{name}` meant?"),
            None => "there is no cached function of this name".to_owned(),
        })
    }
}

fn tune(tuning: &mut Tuning, said: &Said) {
    let given = said.given();
    match said.setting.name {
        "sites.*.enabled" => tuning.paused = Some(!given.switch()),
        "sites.*.ttl" => tuning.ttl = Some(given.time()),
        "sites.*.stale" => tuning.stale = Some(given.time()),
        _ => tuning.capacity = Some(given.number()),
    }
}

impl Builder {
    pub(super) fn configured_sites(mut self, config: &Config) -> Result<Self> {
        config.check_rates()?;
        for (site, tuning) in config.tunings()? {
            self = self.tune_configured(site, tuning);
        }
        Ok(self)
    }
}
