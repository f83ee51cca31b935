//! What can be wrong with single functions, and with several together.

use std::collections::BTreeMap;
use std::time::Duration;

use super::advice::Advice;
use super::whole::Whole;
use crate::clock::Millis;
use crate::policy::Policy;
use crate::settings::Settings;
use crate::site::Site;

/// So many functions whose entries all end at once are worth a word.
const MANY: usize = 3;

/// What is known of one function.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) policy: Policy,
    /// How long its values are fresh, as far as that is one number.
    pub(super) life: Millis,
    /// Does it say nothing of that itself?
    pub(super) by_default: bool,
    /// How long they may be served after that.
    pub(super) stale: Millis,
}

impl Subject {
    pub(super) fn of(site: &Site, settings: &Settings) -> Self {
        let policy = *site.policy();
        let dial = settings.dials.of(site.name());
        let own = || policy.ttl.or_else(|| policy.profile.and_then(|name| settings.profile(name)));
        let said = dial.ttl().or_else(own).or(policy.adaptive.map(|(least, _)| least));
        let usual = || settings.dials.ttl_of(&Settings::key_prefix(site));
        Self {
            name: site.name().to_owned(),
            life: said.unwrap_or_else(usual),
            by_default: said.is_none(),
            stale: dial.stale().unwrap_or(policy.stale),
            policy,
        }
    }

    pub(super) fn advise(&self, whole: &Whole) -> Vec<Advice> {
        let found = [
            self.ahead_of_life(),
            self.stale_by_default(),
            self.nothing_is_stale(),
            self.nothing_outlives(),
            self.errors_outlive(),
            self.idle_too_long(),
            self.shorter_than_a_tier(whole),
            self.longer_than_a_fence(whole),
            self.strict_alone(whole),
            self.locked_alone(whole),
        ];
        found.into_iter().flatten().map(|advice| advice.about(&self.name)).collect()
    }

    /// The shortest life that chance gives.
    fn least(&self) -> Millis {
        (self.life as f64 * (1.0 - f64::from(self.policy.jitter))) as Millis
    }

    fn ahead_of_life(&self) -> Option<Advice> {
        let ahead = self.policy.refresh_ahead;
        let (ahead_of, least) = (shown(ahead), shown(self.least()));
        (ahead > 0 && ahead >= self.least()).then(|| {
            let what = format!("refresh_ahead is {ahead_of}, and values may live for no more than {least}");
            Advice::warning("refresh-ahead-of-life", what, "each hit may begin a load: take a longer ttl or less of it")
        })
    }

    fn stale_by_default(&self) -> Option<Advice> {
        (self.stale > 0 && self.by_default && self.policy.adaptive.is_none()).then(|| {
            let what = format!("stale is {}, after a life that the function does not say", shown(self.stale));
            Advice::hint(
                "stale-without-ttl",
                what,
                "give it a ttl, so that a change of defaults does not change its age",
            )
        })
    }

    fn nothing_is_stale(&self) -> Option<Advice> {
        (self.stale > 0 && self.policy.none.is_some()).then(|| {
            let what =
                format!("that there is nothing is kept, and served for {} more if loads fail", shown(self.stale));
            Advice::warning("nothing-served-stale", what, "leave out `stale` or `cache_none`, or invalidate on inserts")
        })
    }

    fn nothing_outlives(&self) -> Option<Advice> {
        let none = self.policy.none.filter(|none| *none > self.life)?;
        let what =
            format!("that there is nothing is kept for {}, longer than a value ({})", shown(none), shown(self.life));
        Some(Advice::warning("nothing-outlives-values", what, "take a shorter `cache_none`"))
    }

    fn errors_outlive(&self) -> Option<Advice> {
        let err = self.policy.err.filter(|err| *err >= self.life)?;
        let what = format!("an error is kept for {}, as long as a value ({}) or longer", shown(err), shown(self.life));
        Some(Advice::warning("errors-outlive-values", what, "take a `cache_err` of some seconds"))
    }

    fn idle_too_long(&self) -> Option<Advice> {
        let idle = self.policy.idle.filter(|idle| *idle >= self.life.saturating_add(self.stale))?;
        let what = format!("idle is {}, and no entry is there for so long", shown(idle));
        Some(Advice::hint("idle-beyond-life", what, "leave it out, or take less"))
    }

    fn shorter_than_a_tier(&self, whole: &Whole) -> Option<Advice> {
        let timeout = self.policy.timeout.filter(|timeout| *timeout <= whole.facts.read_deadline)?;
        (!self.policy.local).then(|| {
            let deadline = shown(whole.facts.read_deadline);
            let what = format!("its timeout is {}, and one tier that is slow may take {deadline}", shown(timeout));
            Advice::warning("timeout-within-deadline", what, "take a longer `timeout`, or a shorter `read_deadline`")
        })
    }

    fn longer_than_a_fence(&self, whole: &Whole) -> Option<Advice> {
        let fence = whole.facts.redis.as_ref()?.fence;
        let timeout = self.policy.timeout.filter(|timeout| *timeout > fence / 2 && !self.policy.local)?;
        let what = format!("loads may take {}, more than half of Redis's fence ({})", shown(timeout), shown(fence));
        Some(Advice::hint("load-beyond-fence", what, "those are not stored after an invalidation: take a longer fence"))
    }

    fn strict_alone(&self, whole: &Whole) -> Option<Advice> {
        let alone = self.policy.strict == Some(true) && !whole.facts.shared;
        alone.then(|| {
            Advice::hint(
                "strict-alone",
                "it is strict, and no other node can invalidate here",
                "add a tier that nodes share",
            )
        })
    }

    fn locked_alone(&self, whole: &Whole) -> Option<Advice> {
        let alone = self.policy.cluster && !whole.facts.shared;
        let what = "it wants one load for all nodes, and there is nothing that they share";
        alone.then(|| Advice::warning("lock-alone", what, "add a tier that nodes share, or leave `lock` out"))
    }
}

/// What is only seen of several.
pub(super) fn together(sites: &[Subject]) -> Vec<Advice> {
    let mut equal: BTreeMap<Millis, Vec<&str>> = BTreeMap::new();
    for site in sites.iter().filter(|site| site.policy.jitter == 0.0 && site.policy.adaptive.is_none()) {
        equal.entry(site.life).or_default().push(&site.name);
    }
    let many = equal.into_iter().filter(|(_, names)| names.len() >= MANY);
    many.map(|(life, names)| {
        let what = format!("{} functions without jitter have one ttl ({}): {}", names.len(), shown(life), some(&names));
        Advice::warning("equal-lives", what, "what is loaded together ends together: leave `jitter = 0` out")
    })
    .collect()
}

/// Functions with tags that no function with `#[invalidate]` names. Tags of tables are told by the database that writes.
#[cfg(feature = "_seen")]
pub(super) fn tags_of_nobody(unreached: &[String], sites: impl Iterator<Item = &'static Site>) -> Vec<Advice> {
    let mut own: Vec<&str> = sites
        .filter(|site| site.declared().tags.iter().any(|tag| !tag.starts_with("sql:")))
        .map(Site::name)
        .filter(|name| unreached.iter().any(|known| known == name))
        .collect();
    own.sort_unstable();
    own.dedup();
    own.into_iter()
        .map(|site| {
            let what = "it has tags that no function with `#[invalidate]` names";
            Advice::hint("tags-of-nobody", what, "let who writes name them, unless that is done by hand").about(site)
        })
        .collect()
}

/// The first few of these names.
fn some(names: &[&str]) -> String {
    let first = names.iter().take(MANY).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MANY { format!("{first}, ..") } else { first }
}

pub(super) fn shown(time: Millis) -> String {
    format!("{:?}", Duration::from_millis(time))
}
