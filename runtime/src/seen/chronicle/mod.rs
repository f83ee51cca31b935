//! What happened when: the last hour and the last day in steps, the hours of the day, what operators did, and what is
//! unusual.

mod anomaly;
mod baseline;
mod days;
mod moment;

#[cfg(any(feature = "metrics", feature = "opentelemetry"))]
use std::collections::HashSet;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use self::anomaly::Watched;
use self::days::Days;
use self::moment::{Sums, Times};
use super::health::Warning;
use crate::cache::{Cache, Core};
use crate::clock::Millis;
use crate::stats::Stats;

pub use self::days::{DailyPattern, HourOfDay, SiteHours};
pub use self::moment::{Moment, TierMoment};

/// A fine step, and a coarse one, in milliseconds.
const FINE: Millis = 5_000;
const COARSE: Millis = 300_000;
/// An hour, and a day.
const FINE_STEPS: usize = 720;
const COARSE_STEPS: usize = 288;
/// So many sites are watched, and so many events remembered.
const SITES: usize = 1_024;
const EVENTS: usize = 64;
/// An event so long ago may be the cause.
const RECENT: Millis = 15 * 60_000;

/// Something that an operator did, or that happened to a tier.
#[derive(Debug, Clone)]
struct Event {
    at: Millis,
    about: String,
    text: String,
}

/// What happened when. Takes notes from when somebody first wants to know.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    runs: AtomicBool,
    book: Mutex<Book>,
    /// The sites that have labels of their own in metrics: the first that were met, for ever.
    #[cfg(any(feature = "metrics", feature = "opentelemetry"))]
    labelled: Mutex<HashSet<String>>,
}

#[derive(Debug, Default)]
struct Book {
    fine: Ring,
    coarse: Ring,
    days: Days,
    /// Boxed: else each place that is free would be as large.
    sites: HashMap<String, Box<Watched>>,
    events: VecDeque<Event>,
    /// Of each tier: is it well?
    tiers: HashMap<String, bool>,
    /// What is wrong with the configuration that was read last, by who watches it.
    misread: BTreeMap<u64, String>,
    looked: Millis,
}

#[derive(Debug, Default)]
struct Ring {
    steps: VecDeque<Moment>,
    /// The sums when the last step ended.
    sums: Option<Sums>,
}

impl Ring {
    fn push(&mut self, sums: Sums, most: usize) {
        if let Some(before) = self.sums.take() {
            if self.steps.len() == most {
                self.steps.pop_front();
            }
            self.steps.push_back(sums.since(&before));
        }
        self.sums = Some(sums);
    }
}

impl Chronicle {
    /// Does the site have a label of its own in metrics? There are so many at most, and who has one keeps it.
    #[cfg(any(feature = "metrics", feature = "opentelemetry"))]
    pub(crate) fn is_labelled(&self, site: &str, most: usize) -> bool {
        let mut labelled = self.labelled.lock();
        labelled.contains(site) || (labelled.len() < most && labelled.insert(site.to_owned()))
    }

    /// Something was done, or happened.
    pub(crate) fn note(&self, at: Millis, about: &str, text: impl Into<String>) {
        let mut book = self.book.lock();
        book.note(Event { at, about: about.to_owned(), text: text.into() });
    }

    /// A step is over.
    fn step(&self, stats: &Stats, times: Times, now: Millis) {
        let mut book = self.book.lock();
        let sums = Sums::of(stats, times, now);
        book.fine.push(sums.clone(), FINE_STEPS);
        book.days.note(stats, now);
        book.look_at_tiers(stats, now);
        if book.looked == 0 {
            book.looked = now;
            book.coarse.push(sums, COARSE_STEPS);
        } else if now.saturating_sub(book.looked) >= COARSE {
            book.coarse.push(sums, COARSE_STEPS);
            let minutes = now.saturating_sub(book.looked) as f64 / 60_000.0;
            book.looked = now;
            book.look_at_sites(stats, minutes, now);
        }
    }

    /// What is unusual, each with what may have to do with it.
    pub(crate) fn anomalies(&self, now: Millis) -> Vec<Warning> {
        let book = self.book.lock();
        let strange = book.sites.iter().filter(|(_, watched)| !watched.news.is_empty());
        let mut warnings: Vec<Warning> = strange.map(|(site, watched)| book.warning(site, watched, now)).collect();
        warnings.sort_by(|a, b| a.about.cmp(&b.about));
        warnings
    }

    /// The last hour, or the last day, as far as it ended after this time.
    fn moments(&self, coarse: bool, since: Millis) -> Vec<Moment> {
        let book = self.book.lock();
        let ring = if coarse { &book.coarse } else { &book.fine };
        ring.steps.iter().filter(|moment| moment.at > since).cloned().collect()
    }

    /// The hours of the day, of all sites together or of those alone that may be seen, and of the busiest of them.
    pub(crate) fn daily(&self, all: bool, seen: impl Fn(&str) -> bool, most: usize) -> DailyPattern {
        self.book.lock().days.pattern(all, seen, most)
    }
}

impl Book {
    fn note(&mut self, event: Event) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn look_at_tiers(&mut self, stats: &Stats, now: Millis) {
        for tier in &stats.tiers {
            let well = tier.reads == "closed" && tier.writes == "closed" && !tier.closed;
            if self.tiers.insert(tier.tier.clone(), well).is_some_and(|before| before != well) {
                let text = format!("{} {}", tier.tier, if well { "is back" } else { "failed" });
                self.note(Event { at: now, about: String::new(), text });
            }
        }
    }

    fn look_at_sites(&mut self, stats: &Stats, minutes: f64, now: Millis) {
        for site in &stats.sites {
            if !self.sites.contains_key(&site.site) && self.sites.len() >= SITES {
                continue;
            }
            let watched = self.sites.entry(site.site.clone()).or_default();
            watched.look(site, minutes, now);
            if watched.is_new() {
                let warning = self.sites.get(&site.site).map(|watched| self.warning(&site.site, watched, now));
                if let Some(warning) = warning {
                    tracing::warn!(site = %site.site, "{}", warning.text);
                }
            }
        }
    }

    fn warning(&self, site: &str, watched: &Watched, now: Millis) -> Warning {
        let mut text = format!("{site} is not as usual: {}", watched.news.join("; "));
        let near = |event: &&Event| now.saturating_sub(event.at) <= RECENT;
        let ours = |event: &&Event| event.about.is_empty() || event.about == site;
        let mut changes = self.events.iter().filter(near).filter(ours).peekable();
        text.push_str(if changes.peek().is_some() { ". What changed: " } else { ". Nothing was changed here lately" });
        let told = changes.map(|event| {
            let minutes = now.saturating_sub(event.at) / 60_000;
            format!("{} ({minutes} min ago)", event.text)
        });
        text.push_str(&told.collect::<Vec<_>>().join(", "));
        Warning::new("anomaly", site, text)
    }
}

impl Cache {
    /// Takes notes of what happens from now on, every five seconds, in a task of this runtime, for as long as the cache is
    /// there: [`Cache::moments`] tells of the last hour and day, and [`Cache::health`] of what is not as usual.
    ///
    /// What is usual is known by the hour of the day after two days, and by the hour of the week after two weeks (in UTC): until
    /// then a site that rests at weekends may be called strange at its first one.
    ///
    /// The admin API begins with it by itself. Outside of a runtime nothing happens. Cost: the statistics once in five
    /// seconds, 8 KiB for each site (1024 at most), about 300 KiB, and 100 KiB more for each tier. Needs feature `http`,
    /// `metrics` or `opentelemetry`.
    pub fn watch(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.0.chronicle.runs.swap(true, Ordering::SeqCst) {
            return;
        }
        // The cache itself: this may be a handle of few rights, which goes before others.
        let mut whole = self;
        while let Some(restriction) = &whole.0.restriction {
            whole = &restriction.whole;
        }
        let (clock, core) = (self.clock().clone(), Arc::downgrade(&whole.0));
        let ended = Ended(Arc::clone(&self.0.chronicle));
        // The first at once: what happens from now on is in the next.
        let mut next = take_note(&core);
        runtime.spawn(async move {
            let _ended = ended;
            while let Some(at) = next {
                clock.until(at).await;
                next = take_note(&core);
            }
        });
    }

    /// What happened in each five seconds of the last hour, or in each five minutes of the last day; the latest last. See
    /// [`Cache::watch`]. Needs feature `http`, `metrics` or `opentelemetry`.
    #[must_use]
    pub fn moments(&self, day: bool) -> Vec<Moment> {
        self.moments_since(day, 0)
    }

    /// Those of them that ended after this time.
    pub(crate) fn moments_since(&self, day: bool, since: Millis) -> Vec<Moment> {
        self.0.chronicle.moments(day, since)
    }

    /// Remembers what is wrong with the configuration that this watch has read last, or that nothing is.
    #[cfg(feature = "config")]
    pub(crate) fn note_misread(&self, watch: u64, why: Option<String>) {
        let misread = &mut self.0.chronicle.book.lock().misread;
        match why {
            Some(why) => drop(misread.insert(watch, why)),
            None => drop(misread.remove(&watch)),
        }
    }

    /// What is wrong with those that were read last.
    pub(crate) fn misread(&self) -> Vec<String> {
        self.0.chronicle.book.lock().misread.values().cloned().collect()
    }

    /// Remembers what was done, for those who look for a cause.
    pub(crate) fn note_event(&self, about: &str, text: impl Into<String>) {
        self.0.chronicle.note(self.clock().now(), about, text);
    }
}

/// Nobody takes notes any more, whatever ended him: his runtime, or the cache.
struct Ended(Arc<Chronicle>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.runs.store(false, Ordering::SeqCst);
    }
}

/// When the next step ends; nothing once the cache is gone.
fn take_note(core: &Weak<Core>) -> Option<Millis> {
    let cache = Cache(core.upgrade()?);
    let now = cache.clock().now_assured();
    cache.0.chronicle.step(&cache.stats(), Times::of(&cache.0), now);
    Some(now + FINE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SiteStats;

    fn stats(hits: u64, misses: u64) -> Stats {
        let site = SiteStats { site: "site".to_owned(), hits, misses, loads: misses, ..SiteStats::default() };
        Stats { sites: vec![site], ..Stats::default() }
    }

    #[test]
    fn steps_are_what_happened_in_them_and_there_are_only_so_many() {
        let chronicle = Chronicle::default();
        for step in 0..2_000 {
            chronicle.step(&stats(step * 3, step), Times::default(), 1 + step * FINE);
        }
        let hour = chronicle.moments(false, 0);
        assert_eq!((hour.len(), hour[0].hits, hour[719].misses), (FINE_STEPS, 3, 1));
        assert!(hour.is_sorted_by_key(|moment| moment.at));
        let day = chronicle.moments(true, 0);
        assert_eq!((day.len(), day[0].hits), (2_000 / 60, 180));
        assert_eq!(chronicle.moments(false, hour[716].at), hour[717..], "only what came since");
    }

    #[test]
    fn what_is_unusual_is_told_with_what_was_done() {
        let chronicle = Chronicle::default();
        let (mut hits, mut misses, mut now) = (0, 0, 1);
        let run = |hits: &mut u64, misses: &mut u64, now: &mut u64, steps: u64, rate: u64| {
            for _ in 0..steps {
                *hits += rate;
                *misses += 100 - rate;
                *now += FINE;
                chronicle.step(&stats(*hits, *misses), Times::default(), *now);
            }
        };
        run(&mut hits, &mut misses, &mut now, 60 * 288 * 2, 90);
        assert!(chronicle.anomalies(now).is_empty());
        chronicle.note(now, "site", "its ttl was set to 1 s");
        chronicle.note(now, "another", "it was paused");
        run(&mut hits, &mut misses, &mut now, 60 * 3, 20);
        let warnings = chronicle.anomalies(now);
        assert_eq!(warnings.len(), 1);
        let text = &warnings[0].text;
        assert!(text.contains("20 %") && text.contains("90 %") && text.contains("its ttl was set to 1 s"), "{text}");
        assert!(!text.contains("paused"), "{text}");
    }
}
