//! What is known of one key: where it is, how old, why it would be a hit or a miss, and what invalidated it last.

use std::fmt;

use super::value::{ShownValue, Values};
use crate::cache::Cache;
use crate::clock::Millis;
use crate::codec::Frame;
use crate::group::Group;
use crate::key::{Key, namespace_of};
use crate::log::{Log, Past};
use crate::plain::plain;
use crate::shelf::Counted;
use crate::stack::Level;
use crate::tier::behind::{Standing, Stands};
use crate::upkeep::apart;

plain! {
    /// What is known of one key. Times are in seconds from now; those that are over are negative.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Explanation {
        /// The key.
        pub key: String,
        /// The functions and namespaces whose keys are written so. Those that nobody has called yet are not known.
        pub sites: Vec<String>,
        /// What a call would be: `hit`, `stale`, `wait` or `miss`; `denied` if this handle may not know.
        pub verdict: String,
        /// Why, in words.
        pub reason: String,
        /// What near has for it.
        pub near: Vec<NearLook>,
        /// What each tier has for it, from the nearest to the deepest.
        pub tiers: Vec<TierLook>,
        /// What invalidated it last, of the last 512 invalidations since somebody first asked for any key.
        pub invalidated: Option<Invalidated>,
    }
}

plain! {
    /// What near has for a key.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct NearLook {
        /// The function or namespace that it is an entry of.
        pub site: String,
        /// `fresh`, `stale`, `expired`, `invalidated`, `unproven` (invalidations of other nodes may be missing) or `paused`.
        pub state: String,
        /// How long it stays fresh.
        pub fresh_for: f64,
        /// How long it may be served if a load fails.
        pub usable_for: f64,
        /// Its tags, as far as they can be told from its key.
        pub tags: Vec<String>,
        /// What it weighs, in bytes.
        pub bytes: u64,
        /// Was it loaded ahead, and has nobody asked for it yet?
        pub unasked: bool,
        /// Its value, only for who asks for it: see [`Cache::explain_with_values`].
        pub value: Option<ShownValue>,
    }
}

plain! {
    /// What a tier has for a key.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct TierLook {
        /// The tier.
        pub tier: String,
        /// `fresh`, `stale`, `expired`, `invalidated`, `unproven`, `foreign` (of another function, version or type),
        /// `leaving` (it is being removed), `newer` (of a newer version of this crate), `unreadable`, `absent`, or `away`.
        pub state: String,
        /// Why it is away.
        pub error: Option<String>,
        /// Does it wait to be written?
        pub waiting: bool,
        /// How long ago its load ended.
        pub age: Option<f64>,
        /// How long it stays fresh.
        pub fresh_for: Option<f64>,
        /// How long it may be served if a load fails.
        pub usable_for: Option<f64>,
        /// Its tags.
        pub tags: Vec<String>,
        /// How long its frame is, in bytes.
        pub bytes: Option<u64>,
        /// The position of the writing node's own log when its load began.
        pub birth: Option<u64>,
        /// The position of the log that nodes share, when its load began.
        pub shared_birth: Option<u64>,
        /// Its value, only for who asks for it: see [`Cache::explain_with_values`].
        pub value: Option<ShownValue>,
    }
}

plain! {
    /// An invalidation that was applied here.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Invalidated {
        /// What it named: `key video:intro`, `tag video:1`.
        pub group: String,
        /// How many seconds ago.
        pub ago: f64,
        /// Was it another node's?
        pub by_another_node: bool,
    }
}

impl Cache {
    /// What is known of one key: where it is, how old, why it would be a hit or a miss, and what invalidated it last.
    ///
    /// Nothing is loaded, promoted or removed, and no use is counted but that tiers are read. Needs feature `http`,
    /// `metrics` or `opentelemetry`.
    ///
    /// Cost: a look at each entry that near has of functions whose keys are written so, and a read of each tier. For
    /// people, not for programs.
    pub async fn explain(&self, key: &str) -> Explanation {
        self.explained(key, Values::Unwanted).await
    }

    pub(super) async fn explained(&self, key: &str, values: Values) -> Explanation {
        if !self.sees(namespace_of(key)) {
            let (verdict, reason) = ("denied".to_owned(), "this handle may not read in this namespace".to_owned());
            return Explanation { key: key.to_owned(), verdict, reason, ..Explanation::default() };
        }
        let core = &*self.0;
        let history = core.log.history(self.clock());
        let shelves: Vec<Counted> = core.counted.lock().iter().filter(|shelf| shelf.fits(key)).cloned().collect();
        let now = self.clock().now_assured();
        let key = Key::from_stored(key);
        let (this, looked, named) = (self.clone(), shelves.clone(), key.clone());
        let look =
            async move { looked.iter().filter_map(|shelf| this.near_look(shelf, &named, now, values)).collect() };
        let near: Vec<NearLook> = apart(look).await;
        let mut tiers = Vec::new();
        for level in core.stack.levels() {
            tiers.push(tier_look(level, &key, &shelves, &core.log, now, values).await);
        }
        let mut tags: Vec<String> = shelves.iter().flat_map(|shelf| shelf.tags(key.as_str())).collect();
        tags.extend(near.iter().flat_map(|near| near.tags.iter().cloned()));
        tags.extend(tiers.iter().flat_map(|tier| tier.tags.iter().cloned()));
        let invalidated = history.last_of(key.as_str(), &tags).map(|past| Invalidated::of(&past, now));
        let flies = shelves.iter().any(|shelf| shelf.flies(&key, core.settings.secret));
        let mut sites: Vec<String> = shelves.iter().map(|shelf| shelf.name().to_owned()).collect();
        sites.dedup();
        let paused = !shelves.is_empty() && shelves.iter().all(Counted::is_paused);
        let (verdict, reason) =
            Judged { near: &near, tiers: &tiers, last: invalidated.as_ref(), flies, paused }.verdict();
        let verdict = verdict.to_owned();
        Explanation { key: key.as_str().to_owned(), sites, verdict, reason, near, tiers, invalidated }
    }

    /// What was invalidated lately, the newest first: at most 512, since somebody first asked for this or for any key.
    /// Needs feature `http`, `metrics` or `opentelemetry`.
    #[must_use]
    pub fn invalidated(&self, most: usize) -> Vec<Invalidated> {
        let now = self.clock().now();
        let all = self.0.log.history(self.clock()).recent(usize::MAX);
        let seen = all.iter().filter(|past| self.sees_group(&past.group));
        seen.take(most).map(|past| Invalidated::of(past, now)).collect()
    }

    /// May this handle know of an invalidation? Of tags it is not known whose they are.
    fn sees_group(&self, group: &Group) -> bool {
        match group {
            Group::Key(key) => self.sees(key.namespace()),
            Group::Namespace(name) => self.sees(name),
            Group::Pattern(pattern) => self.sees(namespace_of(pattern.prefix())),
            Group::Tag(_) | Group::Tagged | Group::Everything => self.0.restriction.is_none(),
        }
    }

    fn near_look(&self, shelf: &Counted, key: &Key, now: Millis, values: Values) -> Option<NearLook> {
        let laid = shelf.find(key, self.0.settings.secret, values.are_shown())?;
        let mut tags = shelf.tags(key.as_str());
        tags.extend(laid.tags.iter().map(|tag| (**tag).to_owned()));
        let valid = self.0.log.unnamed_since(key, tags.iter().map(String::as_str), laid.checked).is_some();
        let state = match () {
            () if shelf.is_paused() => "paused",
            () if shelf.is_shut(&self.0.log) => "unproven",
            () if !valid && !self.0.log.is_proven() => "unproven",
            () if !valid => "invalidated",
            () => life_state(laid.fresh_until, laid.stale_until, now),
        };
        Some(NearLook {
            site: shelf.name().to_owned(),
            state: state.to_owned(),
            fresh_for: seconds_until(laid.fresh_until, now),
            usable_for: seconds_until(laid.stale_until, now),
            tags,
            bytes: u64::from(laid.weight),
            unasked: laid.asleep,
            value: values.of(state, || laid.shown),
        })
    }
}

async fn tier_look(level: &Level, key: &Key, shelves: &[Counted], log: &Log, now: Millis, values: Values) -> TierLook {
    let named = |state: &str| TierLook { tier: level.name.clone(), state: state.to_owned(), ..TierLook::default() };
    match level.tier.look(key).await {
        Err(error) => TierLook { error: Some(error.to_string()), ..named("away") },
        Ok(Stands::Nowhere) => named("absent"),
        Ok(Stands::Leaving) => named("leaving"),
        Ok(Stands::Newer) => named("newer"),
        Ok(Stands::Unreadable) => named("unreadable"),
        Ok(Stands::Here { frame, waiting, standing }) => {
            let state = match standing {
                Standing::Invalid => "invalidated",
                Standing::Expired => "expired",
                Standing::Usable if !(level.vouches)(&frame) || shelves.iter().any(|shelf| shelf.is_shut(log)) => {
                    "unproven"
                }
                Standing::Usable if shelves.iter().any(|shelf| shelf.reads(&frame) == Some(false)) => "foreign",
                Standing::Usable => life_state(frame.head().fresh_until, frame.head().stale_until, now),
            };
            let value = values.of_frame(state, shelves, &frame).await;
            TierLook { waiting, value, ..framed(named(state), &frame, now) }
        }
    }
}

fn framed(look: TierLook, frame: &Frame, now: Millis) -> TierLook {
    let head = frame.head();
    TierLook {
        age: Some(-seconds_until(head.born, now)),
        fresh_for: Some(seconds_until(head.fresh_until, now)),
        usable_for: Some(seconds_until(head.stale_until, now)),
        tags: frame.tags().map(ToOwned::to_owned).collect(),
        bytes: Some(frame.bytes().len() as u64),
        birth: Some(head.birth.number),
        shared_birth: Some(head.shared.number).filter(|_| head.shared.epoch != 0),
        ..look
    }
}

impl Invalidated {
    fn of(past: &Past, now: Millis) -> Self {
        let group = match &past.group {
            Group::Tag(tag) if tag.starts_with("sql:") => format!("table {}", &tag[4..]),
            group => group.to_string(),
        };
        Self { group, ago: -seconds_until(past.at, now), by_another_node: past.heard }
    }
}

impl fmt::Display for Invalidated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = if self.by_another_node { "another node's " } else { "" };
        write!(f, "{whose}{}, {:.1} s ago", self.group, self.ago)
    }
}

fn life_state(fresh_until: Millis, stale_until: Millis, now: Millis) -> &'static str {
    if fresh_until > now {
        "fresh"
    } else if stale_until > now {
        "stale"
    } else {
        "expired"
    }
}

fn seconds_until(at: Millis, now: Millis) -> f64 {
    (at as f64 - now as f64) / 1e3
}

/// What was found, to be judged.
struct Judged<'a> {
    near: &'a [NearLook],
    tiers: &'a [TierLook],
    last: Option<&'a Invalidated>,
    flies: bool,
    paused: bool,
}

impl Judged<'_> {
    fn verdict(&self) -> (&'static str, String) {
        if self.paused {
            return ("miss", "its calls go by the cache: it is paused".to_owned());
        }
        if let Some(near) = self.near.iter().find(|near| near.state == "fresh") {
            return ("hit", format!("near has it, fresh for {:.1} s", near.fresh_for));
        }
        if self.flies {
            return ("wait", "it is being loaded: who asks waits for that".to_owned());
        }
        if let Some(tier) = self.tiers.iter().find(|tier| tier.state == "fresh") {
            let fresh = tier.fresh_for.unwrap_or_default();
            return ("hit", format!("{} has it, fresh for {fresh:.1} s", tier.tier));
        }
        if self.near.iter().any(|near| near.state == "stale") || self.tiers.iter().any(|tier| tier.state == "stale") {
            return ("stale", "it is past its life: it is loaded anew, and served as it is if that fails".to_owned());
        }
        ("miss", self.why_missed())
    }

    fn why_missed(&self) -> String {
        let in_near = |state: &str| self.near.iter().any(|near| near.state == state);
        let in_tier = |state: &str| self.tiers.iter().find(|tier| tier.state == state);
        if in_near("invalidated") || in_tier("invalidated").is_some() || in_tier("leaving").is_some() {
            return self
                .last
                .map_or_else(|| "it was invalidated".to_owned(), |last| format!("it was invalidated by {last}"));
        }
        if in_near("unproven") || in_tier("unproven").is_some() {
            return "it is not certain that all invalidations of other nodes have arrived".to_owned();
        }
        if let Some(tier) = in_tier("foreign") {
            return format!("what {} has is of another function, version or type", tier.tier);
        }
        if in_near("expired") || in_tier("expired").is_some() {
            return "it is past its life".to_owned();
        }
        if let Some(last) = self.last {
            return format!("it is nowhere; last invalidated by {last}");
        }
        match in_tier("away") {
            Some(away) => format!("near does not have it, and {} is away", away.tier),
            None => "it is nowhere: it was never stored, or dropped for space".to_owned(),
        }
    }
}
