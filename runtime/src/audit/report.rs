//! What audits have found, as data.

use super::counts::{Audit, BUCKETS, Place};
use crate::clock::Millis;
use crate::plain::plain;

plain! {
    /// What was found of one site.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct AuditedSite {
        /// The site.
        pub site: String,
        /// Entries that were what the source answers.
        pub consistent: u64,
        /// Entries whose source had changed, and which were gone or new within the bound.
        pub changed: u64,
        /// Entries that were still the old value after the bound.
        pub stale: u64,
        /// Audits that could not be made: the source failed, or its answers cannot be compared.
        pub unknown: u64,
    }
}

plain! {
    /// So many entries were stale for so long.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct AuditBucket {
        /// For less than so many seconds; nothing for the longest.
        pub up_to_seconds: Option<u64>,
        /// Entries.
        pub count: u64,
    }
}

plain! {
    /// An entry that was found stale.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct StaleEntry {
        /// The site.
        pub site: String,
        /// Its key.
        pub key: String,
        /// Where it was: `near`, or the names of tiers.
        pub places: Vec<String>,
        /// How many seconds ago it was found.
        pub ago: f64,
        /// For how many seconds it was stale, from when its source was first seen to differ; nothing while it still is.
        pub lasted: Option<f64>,
    }
}

plain! {
    /// What audits have found since the cache was built.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct AuditReport {
        /// Entries that were audited, and about which something is known.
        pub checked: u64,
        /// Those of them that were stale.
        pub stale: u64,
        /// Audits that could not be made.
        pub unknown: u64,
        /// Audits that were left out, because as many ran as may, or because half of the function's `rate` was spent on them.
        pub left_out: u64,
        /// The part of those checked that was consistent; 1 if none was checked.
        pub consistent: f64,
        /// The same in nines: 3 is 99.9 %. Of so few that more cannot be known, as many as are known.
        pub nines: f64,
        /// The part that is hoped for.
        pub objective: f64,
        /// Is it reached?
        pub met: bool,
        /// For how long entries were stale.
        pub histogram: Vec<AuditBucket>,
        /// By site.
        pub sites: Vec<AuditedSite>,
        /// The last 32 stale entries, the latest first.
        pub found: Vec<StaleEntry>,
    }
}

impl Audit {
    pub(crate) fn report(&self, now: Millis) -> AuditReport {
        let book = self.book.lock();
        let sum = |of: fn(&super::counts::Tally) -> u64| book.sites.values().map(of).sum::<u64>();
        let stale = sum(|tally| tally.stale);
        let checked = sum(|tally| tally.consistent + tally.changed) + stale;
        let consistent = if checked == 0 { 1.0 } else { 1.0 - stale as f64 / checked as f64 };
        let bucket = |(most, count): (&u64, &u64)| AuditBucket {
            up_to_seconds: Some(*most).filter(|most| *most != u64::MAX),
            count: *count,
        };
        let sites = book.sites.iter().map(|(site, tally)| AuditedSite {
            site: site.to_string(),
            consistent: tally.consistent,
            changed: tally.changed,
            stale: tally.stale,
            unknown: tally.unknown,
        });
        let found = book.stale.iter().rev().map(|found| StaleEntry {
            site: found.site.to_string(),
            key: found.key.as_str().to_owned(),
            places: found.places.iter().map(Place::name).collect(),
            ago: now.saturating_sub(found.at) as f64 / 1e3,
            lasted: found.lasted.map(|lasted| lasted as f64 / 1e3),
        });
        AuditReport {
            checked,
            stale,
            unknown: sum(|tally| tally.unknown),
            left_out: book.left_out,
            consistent,
            nines: nines(checked, stale),
            objective: self.options.objective,
            met: consistent >= self.options.objective,
            histogram: BUCKETS.iter().zip(&book.staleness).map(bucket).collect(),
            sites: sites.collect(),
            found: found.collect(),
        }
    }
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Near => "near".to_owned(),
            Self::Tier(name) => name.clone(),
        }
    }
}

/// Of so many checked as many nines can be known as they have digits.
fn nines(checked: u64, stale: u64) -> f64 {
    if checked == 0 {
        return 0.0;
    }
    let worst = (stale.max(1)) as f64 / checked as f64;
    if stale == 0 { (checked as f64).log10() } else { -worst.log10() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditOptions, Verdict};
    use crate::key::Key;

    #[test]
    fn nines_are_not_claimed_of_what_was_not_checked() {
        assert!((nines(1_000, 0) - 3.0).abs() < 1e-9 && (nines(1_000, 10) - 2.0).abs() < 1e-9);
        assert!((nines(0, 0), nines(1, 1)) == (0.0, 0.0));
    }

    #[test]
    fn a_report_says_how_long_and_whether_the_objective_is_met() {
        let audit = Audit::new(AuditOptions::new().objective(0.99));
        (0..98).for_each(|_| audit.tell("site", Verdict::Consistent));
        audit.tell("site", Verdict::Changed);
        assert!(audit.report(0).met);
        let key = Key::from_stored("k:1");
        assert!(audit.found("site", &key, vec![Place::Near], 1_000));
        audit.lasted(&key, 1_000, 7_000);
        audit.tell("site", Verdict::Unknown);
        let report = audit.report(11_000);
        assert_eq!((report.checked, report.stale, report.unknown, report.met), (100, 1, 1, true));
        assert_eq!((report.histogram[2].up_to_seconds, report.histogram[2].count), (Some(15), 1));
        assert_eq!((report.found[0].ago, report.found[0].lasted), (10.0, Some(7.0)));
        assert!(audit.found("site", &key, vec![Place::Tier("redis".to_owned())], 2_000));
        assert!(!audit.report(0).met);
    }

    #[test]
    fn what_several_audits_find_at_once_is_one_entry() {
        let audit = Audit::new(AuditOptions::new());
        let key = Key::from_stored("k:1");
        assert!(audit.found("site", &key, vec![Place::Near], 1_000));
        assert!(!audit.found("site", &key, vec![Place::Near, Place::Tier("redis".to_owned())], 1_000));
        audit.lasted(&key, 1_000, 3_000);
        let report = audit.report(5_000);
        assert_eq!((report.stale, report.found.len(), report.histogram[1].count), (2, 1, 1));
        assert_eq!(
            (&report.found[0].places[..], report.found[0].lasted),
            (&["near", "redis"].map(String::from)[..], Some(3.0))
        );
        assert!(audit.found("site", &key, vec![Place::Near], 9_000), "the next time it is another");
    }

    #[test]
    fn one_in_so_many_is_due() {
        let audit = Audit::new(AuditOptions::new().each(1_000));
        assert_eq!((0..800).filter(|_| audit.is_due(128)).count(), 100);
    }
}
