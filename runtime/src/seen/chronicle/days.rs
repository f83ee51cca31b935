//! How the calls of a day are spread over its hours, as far as was seen.

use std::collections::HashMap;

use super::baseline::{HOUR, hour_of};
use crate::clock::Millis;
use crate::plain::plain;
use crate::stats::{SiteStats, Stats};

const DAY: Millis = 24 * HOUR;
/// A day counts half as much for each week that has passed since.
const HALF: f64 = 7.0;
/// So many sites are told apart, each in half a KiB.
const SITES: usize = 1_024;
/// For so many it is told by site.
const BUSIEST: usize = 8;

plain! {
    /// How calls are spread over the hours of the day, as far as somebody looked: see [`Cache::watch`](crate::Cache::watch).
    ///
    /// Hours are those of UTC. A day counts half as much for each week that has passed since, so that habits of former months
    /// fade. Of one day alone nobody knows what of it is habit: `days` says how many were seen.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct DailyPattern {
        /// How many days were watched, all hours together: twelve hours are 0.5.
        pub days: f64,
        /// The 24 hours of the day from midnight on, the calls of all sites together.
        pub hours: Vec<HourOfDay>,
        /// The same for the sites that were called most, eight at most.
        pub sites: Vec<SiteHours>,
    }
}

plain! {
    /// One hour of the day, over the days that were watched.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct HourOfDay {
        /// From 0 to 23, of UTC.
        pub hour: u32,
        /// How many of these hours were watched: half an hour of one day is 0.5.
        pub days: f64,
        /// Calls in an hour, on average; of an hour that was watched in part, as if the rest were the same. Nothing where it
        /// was not watched.
        pub calls: Option<f64>,
        /// The part of them that was answered without a load; nothing where there were none.
        pub hit_rate: Option<f64>,
    }
}

plain! {
    /// The hours of the day of one site.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SiteHours {
        /// The site.
        pub site: String,
        /// The 24 hours of the day from midnight on.
        pub hours: Vec<HourOfDay>,
    }
}

/// What was seen of the hours of the day.
#[derive(Debug, Default)]
pub(super) struct Days {
    /// When the last step ended.
    last: Option<Millis>,
    watched: [Watch; 24],
    all: Hours,
    sites: HashMap<String, Box<Hours>>,
}

/// For how long an hour of the day was watched.
#[derive(Debug, Clone, Copy, Default)]
struct Watch {
    whole: Millis,
    /// The same, as far as it has not faded.
    left: f64,
    /// The last day on which it was.
    day: u64,
}

/// The calls of one site, or of all.
#[derive(Debug, Default)]
struct Hours {
    /// What was counted when the last step ended.
    last: Calls<u64>,
    hours: [Calls<f64>; 24],
}

#[derive(Debug, Clone, Copy, Default)]
struct Calls<N> {
    all: N,
    answered: N,
}

impl Calls<u64> {
    fn of(site: &SiteStats) -> Self {
        let answered = site.hits + site.stale_hits + site.tier_hits;
        Self { all: site.hits + site.misses, answered }
    }
}

impl Calls<f64> {
    fn add(&mut self, more: Self) {
        self.all += more.all;
        self.answered += more.answered;
    }

    fn fade(&mut self, left: f64) {
        self.all *= left;
        self.answered *= left;
    }
}

impl Hours {
    /// What was counted up to now belongs to this hour, or to none.
    fn note(&mut self, now: Calls<u64>, hour: Option<usize>) {
        let before = std::mem::replace(&mut self.last, now);
        if let Some(hour) = hour {
            let since = |now: u64, before: u64| now.saturating_sub(before) as f64;
            self.hours[hour]
                .add(Calls { all: since(now.all, before.all), answered: since(now.answered, before.answered) });
        }
    }

    fn calls(&self) -> f64 {
        self.hours.iter().map(|calls| calls.all).sum()
    }
}

impl Days {
    /// A step is over. What was before the first belongs to no hour, and neither does a step that took longer than an hour:
    /// nobody looked.
    pub(super) fn note(&mut self, stats: &Stats, now: Millis) {
        let before = self.last.replace(now);
        let took = before.and_then(|before| now.checked_sub(before)).filter(|took| (1..=HOUR).contains(took));
        let hour = took.map(|took| {
            let middle = now - took / 2;
            self.watch(hour_of(middle), middle / DAY, took);
            hour_of(middle)
        });
        self.all.note(Calls::of(&stats.total()), hour);
        for site in &stats.sites {
            if let Some(known) = self.sites.get_mut(&site.site) {
                known.note(Calls::of(site), hour);
            } else if self.sites.len() < SITES {
                // It was not there when the last step ended: all its calls are of this one.
                self.sites.entry(site.site.clone()).or_default().note(Calls::of(site), hour);
            }
        }
    }

    fn watch(&mut self, hour: usize, day: u64, took: Millis) {
        let watched = &mut self.watched[hour];
        let passed = day.saturating_sub(watched.day);
        if watched.whole > 0 && passed > 0 {
            let left = 0.5_f64.powf(passed as f64 / HALF);
            watched.left *= left;
            self.all.hours[hour].fade(left);
            self.sites.values_mut().for_each(|site| site.hours[hour].fade(left));
        }
        watched.day = watched.day.max(day);
        watched.whole += took;
        watched.left += took as f64;
    }

    /// The hours of the day: of all sites together, or of those alone that may be seen; and of the busiest of them.
    pub(super) fn pattern(&self, all: bool, seen: impl Fn(&str) -> bool, most: usize) -> DailyPattern {
        let mut sites: Vec<(&String, &Hours)> =
            self.sites.iter().map(|(name, hours)| (name, &**hours)).filter(|(name, _)| seen(name)).collect();
        sites.sort_by(|a, b| b.1.calls().total_cmp(&a.1.calls()).then_with(|| a.0.cmp(b.0)));
        let hours = if all {
            self.told(&self.all.hours)
        } else {
            let mut sum = [Calls::default(); 24];
            for (_, site) in &sites {
                sum.iter_mut().zip(&site.hours).for_each(|(sum, calls)| sum.add(*calls));
            }
            self.told(&sum)
        };
        sites.truncate(most.min(BUSIEST));
        let told = |(name, site): (&String, &Hours)| SiteHours { site: name.clone(), hours: self.told(&site.hours) };
        DailyPattern {
            days: self.watched.iter().map(|watched| watched.whole as f64 / DAY as f64).sum(),
            hours,
            sites: sites.into_iter().map(told).collect(),
        }
    }

    fn told(&self, hours: &[Calls<f64>; 24]) -> Vec<HourOfDay> {
        let told = |((hour, watched), calls): ((u32, &Watch), &Calls<f64>)| HourOfDay {
            hour,
            days: watched.whole as f64 / HOUR as f64,
            calls: (watched.whole > 0).then(|| calls.all / watched.left * HOUR as f64),
            hit_rate: (calls.all > 0.0).then(|| (calls.answered / calls.all).min(1.0)),
        };
        (0..).zip(&self.watched).zip(hours).map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Millis = 5_000;

    /// Counters that go up by so many hits and misses with each step.
    struct Traffic {
        days: Days,
        stats: Stats,
        now: Millis,
    }

    impl Traffic {
        fn new() -> Self {
            let site = |name: &str| SiteStats { site: name.to_owned(), ..SiteStats::default() };
            let stats = Stats { sites: vec![site("busy"), site("quiet")], ..Stats::default() };
            Self { days: Days::default(), stats, now: 20_000 * DAY }
        }

        /// For so long, with so many hits and misses of the busy site in each step, and a tenth as many of the quiet one.
        fn run(&mut self, length: Millis, hits: u64, misses: u64) {
            for _ in 0..length / STEP {
                self.stats.sites[0].hits += hits;
                self.stats.sites[0].misses += misses;
                self.stats.sites[1].hits += hits / 10;
                self.now += STEP;
                self.days.note(&self.stats, self.now);
            }
        }

        fn pattern(&self) -> DailyPattern {
            self.days.pattern(true, |_| true, 20)
        }
    }

    fn near(told: Option<f64>, expected: f64) -> bool {
        told.is_some_and(|told| (told - expected).abs() <= expected * 0.01)
    }

    #[test]
    fn days_are_told_by_the_hour_with_what_was_answered() {
        let mut traffic = Traffic::new();
        for _ in 0..3 {
            traffic.run(8 * HOUR, 10, 10);
            traffic.run(12 * HOUR, 90, 10);
            traffic.run(4 * HOUR, 0, 0);
        }
        let told = traffic.pattern();
        assert!((told.days - 3.0).abs() < 0.01, "{}", told.days);
        assert_eq!(told.hours.iter().map(|hour| hour.hour).collect::<Vec<_>>(), (0..24).collect::<Vec<_>>());
        let [night, noon, late] = [3, 12, 22].map(|hour: usize| told.hours[hour]);
        // 720 steps an hour; the quiet site is in the sum.
        assert!(near(night.calls, 720.0 * 21.0) && near(night.hit_rate, 11.0 / 21.0), "{night:?}");
        assert!(near(noon.calls, 720.0 * 109.0) && near(noon.hit_rate, 99.0 / 109.0), "{noon:?}");
        assert_eq!((late.calls, late.hit_rate), (Some(0.0), None));
        assert!((noon.days - 3.0).abs() < 0.01);
        let (busy, quiet) = (&told.sites[0], &told.sites[1]);
        assert_eq!((busy.site.as_str(), quiet.site.as_str()), ("busy", "quiet"));
        assert!(near(busy.hours[12].hit_rate, 0.9) && near(quiet.hours[12].hit_rate, 1.0));
    }

    /// Half an hour is told as half an hour, and what nobody saw as nothing.
    #[test]
    fn what_was_not_watched_is_not_told() {
        let mut traffic = Traffic::new();
        // Called for years before anybody looked.
        traffic.stats.sites[0].hits = 1_000_000_000;
        traffic.days.note(&traffic.stats, traffic.now);
        traffic.run(HOUR / 2, 10, 0);
        let told = traffic.pattern();
        assert!((told.days - 0.5 / 24.0).abs() < 0.001 && (told.hours[0].days - 0.5).abs() < 0.01, "{told:?}");
        assert!(near(told.hours[0].calls, 720.0 * 11.0), "as if the rest were the same: {:?}", told.hours[0]);
        assert!(told.hours[1..].iter().all(|hour| (hour.days, hour.calls, hour.hit_rate) == (0.0, None, None)));
        // The machine slept for five hours: whenever these calls came, nobody looked.
        traffic.stats.sites[0].hits += 1_000_000;
        traffic.now += 5 * HOUR;
        traffic.days.note(&traffic.stats, traffic.now);
        assert_eq!(traffic.pattern(), told);
    }

    #[test]
    fn former_habits_fade() {
        let mut traffic = Traffic::new();
        traffic.run(7 * DAY, 10, 0);
        traffic.run(21 * DAY, 0, 10);
        let told = traffic.pattern();
        assert!((told.days - 28.0).abs() < 0.01, "{}", told.days);
        let rate = told.hours[12].hit_rate.unwrap_or(1.0);
        assert!(rate < 0.15, "a quarter of all days, and the oldest: {rate}");
    }

    #[test]
    fn who_may_not_see_a_site_is_told_nothing_of_its_calls() {
        let mut traffic = Traffic::new();
        traffic.run(HOUR, 100, 0);
        let told = traffic.days.pattern(false, |site| site == "quiet", 20);
        assert!(near(told.hours[0].calls, 720.0 * 10.0), "{:?}", told.hours[0]);
        assert_eq!(told.sites.iter().map(|site| site.site.as_str()).collect::<Vec<_>>(), ["quiet"]);
    }

    #[test]
    fn there_are_only_so_many_sites_and_all_their_calls() {
        let mut days = Days::default();
        let site = |at: usize, hits| SiteStats { site: format!("site {at}"), hits, ..SiteStats::default() };
        for step in 0..10 {
            let sites = (0..SITES + 100).map(|at| site(at, step * at as u64)).collect();
            days.note(&Stats { sites, ..Stats::default() }, 1 + step * STEP);
        }
        assert_eq!(days.sites.len(), SITES);
        let all: u64 = (0..SITES as u64 + 100).sum();
        let told = days.pattern(true, |_| true, usize::MAX);
        assert!(near(told.hours[0].calls, (all * 720) as f64), "{:?}", told.hours[0]);
        assert_eq!(told.sites.len(), BUSIEST);
        assert!(size_of::<Hours>() <= 512);
    }
}
