//! What was wanted lately, as it is saved.

use std::collections::HashMap;

use super::decay::decayed;
use super::hours;
use super::judge::Judged;
use super::{FORGOTTEN, LONGEST, SAVED};
use crate::clock::Millis;

/// No score is higher: ten million accesses a second come to a twentieth of it.
const HIGHEST: f64 = 1e12;

/// The hottest keys of a site. Several nodes save theirs to the same place.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "tiers", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Recent {
    pub(crate) at: Millis,
    /// Texts and their scores at that time, hottest first.
    pub(crate) keys: Vec<(String, f64)>,
    /// What the time of day tells.
    pub(crate) judged: Judged,
}

impl Recent {
    /// What two nodes know together, for logs that are asked for so many keys at most. Of a key that both know the higher
    /// score counts: saying it twice changes nothing, nor does who comes first.
    pub(crate) fn merge(a: &Self, b: &Self, most: usize, now: Millis) -> Self {
        let mut keys: HashMap<&str, f64> = HashMap::new();
        for (text, score) in a.sane(now).chain(b.sane(now)) {
            let known = keys.entry(text).or_default();
            *known = known.max(score);
        }
        let mut keys: Vec<_> = keys.into_iter().map(|(text, score)| (text.to_owned(), score)).collect();
        keys.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        keys.truncate(most.saturating_mul(SAVED));
        let hour = hours::number(now);
        Self { at: now, keys, judged: a.judged.sane(hour).or(b.judged.sane(hour)) }
    }

    /// The keys with their scores as of now, without those that cannot have been saved and those long forgotten.
    pub(super) fn sane(&self, now: Millis) -> impl Iterator<Item = (&str, f64)> {
        let sane = self.keys.iter().filter(|(text, score)| text.len() <= LONGEST && score.is_finite());
        let now = sane.map(move |(text, score)| (text.as_str(), decayed(score.min(HIGHEST), self.at, now)));
        now.filter(|(_, score)| *score >= FORGOTTEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = 1_000_000_000_000;
    const HOUR: Millis = 3_600_000;

    fn recent(at: Millis, keys: &[(&str, f64)]) -> Recent {
        let keys = keys.iter().map(|(text, score)| ((*text).to_owned(), *score)).collect();
        Recent { at, keys, judged: Judged::default() }
    }

    #[test]
    fn the_higher_score_counts_as_of_now() {
        let a = recent(START, &[("old", 12.0), ("both", 8.0)]);
        let b = recent(START + HOUR, &[("both", 5.0), ("new", 1.0)]);
        let both = Recent::merge(&a, &b, 10, START + HOUR);
        assert_eq!(both, recent(START + HOUR, &[("old", 6.0), ("both", 5.0), ("new", 1.0)]));
    }

    #[test]
    fn merging_again_or_the_other_way_round_changes_nothing() {
        let a = recent(START, &[("a", 900.0), ("b", 70.5), ("c", 3.3), ("same", 2.0)]);
        let b = recent(START + 1_234_567, &[("d", 100.1), ("b", 70.0), ("same", 2.0), ("e", 0.1)]);
        for most in [1, 2, 10] {
            let now = START + HOUR;
            let both = Recent::merge(&a, &b, most, now);
            assert_eq!(both.keys.len(), 6.min(2 * most));
            assert_eq!(both, Recent::merge(&b, &a, most, now));
            assert_eq!(both, Recent::merge(&both, &a, most, now));
            assert_eq!(both, Recent::merge(&b, &both, most, now));
            assert_eq!(both, Recent::merge(&both, &both, most, now));
        }
    }

    #[test]
    fn a_time_to_come_is_now_and_one_long_ago_is_forgotten() {
        let (ahead, ago) = (recent(u64::MAX, &[("ahead", 4.0)]), recent(0, &[("ago", 1e9)]));
        assert_eq!(Recent::merge(&ahead, &ago, 10, START), recent(START, &[("ahead", 4.0)]));
    }
}
