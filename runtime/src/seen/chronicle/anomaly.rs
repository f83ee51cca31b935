//! What is unusual of a site: its hit rate, the time of its loads, how much of it is invalidated.

use super::baseline::{Baseline, Margin};
use crate::clock::Millis;
use crate::stats::SiteStats;

/// Of fewer calls, and of fewer loads, in a window nothing is said.
const CALLS: u64 = 50;
const LOADS: u64 = 10;
/// So many windows in a row have to be unusual.
const IN_A_ROW: u32 = 2;

/// What is watched of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    HitRate,
    LoadTime,
    Invalidations,
}

const ALL: [What; 3] = [What::HitRate, What::LoadTime, What::Invalidations];

/// One site under watch, in 8 KiB.
#[derive(Debug, Default)]
pub(super) struct Watched {
    last: SiteStats,
    usual: [Baseline; 3],
    strange: [u32; 3],
    /// What was usual when that began.
    before: [f64; 3],
    /// In words: what is unusual now.
    pub(super) news: Vec<String>,
}

impl What {
    /// What is unusual at least: 10 points of hit rate; twice the time, and a millisecond; five times as many, and 5 a minute.
    const fn margin(self) -> Margin {
        match self {
            Self::HitRate => Margin { relative: 0.0, absolute: 0.1 },
            Self::LoadTime => Margin { relative: 1.0, absolute: 1e-3 },
            Self::Invalidations => Margin { relative: 4.0, absolute: 5.0 },
        }
    }

    /// Only what is worse is news.
    fn is_worse(self, off: f64) -> bool {
        if self == Self::HitRate { off < 0.0 } else { off > 0.0 }
    }

    fn text(self, now: f64, usual: f64) -> String {
        match self {
            Self::HitRate => format!("hit rate {:.0} % (usual at this hour: {:.0} %)", now * 100.0, usual * 100.0),
            Self::LoadTime => format!("loads take {:.1} ms (usual: {:.1} ms)", now * 1e3, usual * 1e3),
            Self::Invalidations => format!("{now:.1} entries a minute are invalidated (usual: {usual:.1})"),
        }
    }
}

impl Watched {
    /// A window of this many minutes is over, at the end of which these were the figures.
    pub(super) fn look(&mut self, stats: &SiteStats, minutes: f64, at: Millis) {
        let values = values(&self.last, stats, minutes);
        self.last = stats.clone();
        self.news.clear();
        for (i, what) in ALL.into_iter().enumerate() {
            let Some(value) = values[i] else { continue };
            if let (0, Some(usual)) = (self.strange[i], self.usual[i].usual(at)) {
                self.before[i] = usual;
            }
            let off = self.usual[i].learn(value, at, what.margin());
            let worse = off.is_some_and(|off| what.is_worse(off));
            self.strange[i] = if worse { self.strange[i].saturating_add(1) } else { 0 };
            if self.strange[i] >= IN_A_ROW {
                self.news.push(what.text(value, self.before[i]));
            }
        }
    }

    /// Has it just become unusual?
    pub(super) fn is_new(&self) -> bool {
        !self.news.is_empty() && self.strange.iter().all(|strange| *strange <= IN_A_ROW)
    }
}

/// What happened in the window; nothing where it was too little.
fn values(before: &SiteStats, now: &SiteStats, minutes: f64) -> [Option<f64>; 3] {
    let since = |now: u64, before: u64| now.saturating_sub(before);
    let (hits, misses) = (since(now.hits, before.hits), since(now.misses, before.misses));
    let answered = hits + since(now.stale_hits, before.stale_hits) + since(now.tier_hits, before.tier_hits);
    let (calls, loads) = (hits + misses, since(now.loads, before.loads));
    let seconds = now.load_seconds - before.load_seconds;
    [
        (calls >= CALLS).then(|| (answered as f64 / calls as f64).min(1.0)),
        (loads >= LOADS).then(|| seconds.max(0.0) / loads as f64),
        (calls >= CALLS).then(|| since(now.invalidated, before.invalidated) as f64 / minutes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Millis = 300_000;

    /// Two days of calls, of which this part hits.
    fn usual(watched: &mut Watched, stats: &mut SiteStats, hit_rate: f64) {
        for window in 0..2 * 288 {
            add(stats, hit_rate, 0.010, 0);
            watched.look(stats, 5.0, window * WINDOW);
            assert!(watched.news.is_empty(), "window {window}: {:?}", watched.news);
        }
    }

    fn add(stats: &mut SiteStats, hit_rate: f64, load_seconds: f64, invalidated: u64) {
        let hits = (1_000.0 * hit_rate).round() as u64;
        stats.hits += hits;
        stats.misses += 1_000 - hits;
        stats.loads += 1_000 - hits;
        stats.load_seconds += load_seconds * (1_000 - hits) as f64;
        stats.invalidated += invalidated;
    }

    #[test]
    fn a_hit_rate_that_falls_is_told_after_two_windows_and_with_what_else_is_strange() {
        let (mut watched, mut stats) = (Watched::default(), SiteStats::default());
        usual(&mut watched, &mut stats, 0.9);
        let at = 2 * 288 * WINDOW;
        add(&mut stats, 0.5, 0.050, 400);
        watched.look(&stats, 5.0, at);
        assert!(watched.news.is_empty(), "one window may be chance");
        add(&mut stats, 0.5, 0.050, 400);
        watched.look(&stats, 5.0, at + WINDOW);
        assert!(watched.is_new());
        assert_eq!(watched.news.len(), 3, "{:?}", watched.news);
        assert!(watched.news[0].contains("50 %") && watched.news[0].contains("90 %"), "{:?}", watched.news);
        assert!(watched.news[2].contains("80.0 entries a minute"), "{:?}", watched.news);
        add(&mut stats, 0.9, 0.010, 0);
        watched.look(&stats, 5.0, at + 2 * WINDOW);
        assert!(watched.news.is_empty(), "it is over");
    }

    /// What was told in each window of so many weeks of a site that misses more at weekends, from a Monday on.
    fn weeks(watched: &mut Watched, stats: &mut SiteStats, weeks: u64) -> Vec<(u64, String)> {
        const MONDAY: u64 = 4;
        let mut told = Vec::new();
        for day in MONDAY..MONDAY + 7 * weeks {
            let hit_rate = if matches!(day % 7, 2 | 3) { 0.6 } else { 0.9 };
            for window in day * 288..(day + 1) * 288 {
                add(stats, hit_rate, 0.010, 0);
                watched.look(stats, 5.0, window * WINDOW);
                told.extend(watched.news.iter().map(|news| (day - MONDAY, news.clone())));
            }
        }
        told
    }

    #[test]
    fn a_weekend_is_told_of_once_and_a_bad_tuesday_still() {
        let (mut watched, mut stats) = (Watched::default(), SiteStats::default());
        let told = weeks(&mut watched, &mut stats, 4);
        assert!(!told.is_empty(), "in the first week nobody knows of weekends");
        assert!(told.iter().all(|(day, _)| matches!(day, 5 | 6)), "the first weekend only: {told:?}");
        // A Tuesday like a Saturday, in the fifth week.
        let tuesday = 33 * 288;
        for window in tuesday..tuesday + 2 {
            add(&mut stats, 0.6, 0.010, 0);
            watched.look(&stats, 5.0, window * WINDOW);
        }
        assert!(watched.news[0].contains("60 %") && watched.news[0].contains("90 %"), "{:?}", watched.news);
    }

    #[test]
    fn a_site_under_watch_is_small() {
        assert!(size_of::<Watched>() <= 8 << 10, "{}", size_of::<Watched>());
    }

    #[test]
    fn what_is_better_than_usual_is_no_news() {
        let (mut watched, mut stats) = (Watched::default(), SiteStats::default());
        usual(&mut watched, &mut stats, 0.5);
        for window in 0..5 {
            add(&mut stats, 0.99, 0.001, 0);
            watched.look(&stats, 5.0, (2 * 288 + window) * WINDOW);
            assert!(watched.news.is_empty(), "{:?}", watched.news);
        }
    }
}
