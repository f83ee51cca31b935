//! How much functions may load, said by configuration in the place of their attributes.

use super::Builder;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::rate::Rate;
use crate::site;

impl Builder {
    /// How many loads of one function may run in a time, in the place of what its attribute says; with `None` as many as
    /// are wanted. The function is named as [`Site::name`](crate::site::Site::name) has it, and its attribute has a `rate`:
    /// only then can it tell its callers that a load was refused. Needs feature `rate`. Default: as the attribute says.
    ///
    /// [`Builder::build`] refuses other names.
    pub fn rate(self, site: &str, rate: impl Into<Option<Rate>>) -> Self {
        self.settings.budgets.tell(site, rate.into());
        self
    }

    pub(super) fn check_rates(&self) -> Result<()> {
        self.settings.budgets.told().iter().try_for_each(|site| has_rate(site))
    }
}

impl Cache {
    /// Changes how many loads of one function may run in a time; see [`Builder::rate`]. All of the new budget is unspent.
    ///
    /// # Errors
    /// A `Config` error if no function of this name has a `rate` in its attribute.
    pub fn set_rate(&self, site: &str, rate: impl Into<Option<Rate>>) -> Result<()> {
        has_rate(site)?;
        self.0.settings.budgets.tell(site, rate.into());
        Ok(())
    }
}

fn has_rate(name: &str) -> Result<()> {
    let Some(site) = site::linked().find(|site| site.name() == name) else {
        return Err(Error::config("rate", "there is no cached function of this name").with("site", name));
    };
    if site.policy().rate.is_none() {
        let message = "this function cannot say that a load was refused: give it `rate = \"..\"` in its attribute";
        return Err(Error::config("rate", message).with("site", name));
    }
    Ok(())
}
