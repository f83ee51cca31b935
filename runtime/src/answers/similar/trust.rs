//! Are similar answers right often enough? A judgement that may be asked for after every check.

use crate::clock::{Millis, millis};
use std::time::Duration;

/// So unlikely is it that similar answers are switched off within one [`WINDOW`] though they keep their budget.
const MISTAKE: f64 = 0.01;
/// After so many checks the judgement begins anew: a long good past must not hide a bad present.
const WINDOW: u64 = 2_000;
/// How many rates over the budget are considered: twice, four times, eight times it, and so on.
const RATES: usize = 6;
/// No rate that is considered is above this.
const HIGHEST: f64 = 0.9;
/// 95 % of a normal distribution lie within so many deviations.
const DEVIATIONS: f64 = 1.96;

/// What shadow checks have shown.
///
/// The evidence against the budget is a mixture of likelihood ratios: how much better a rate of false hits above the
/// budget explains what was seen than the budget itself. As long as the budget is kept, it is a supermartingale that
/// begins at 1, and by Ville's inequality it ever reaches 100 with a probability of 1 % at most, however often one looks
/// (J. Ville, Étude critique de la notion de collectif, 1939; H. Robbins, Ann. Math. Statist. 41, 1970). A bound that
/// holds for one look, such as Wilson's, would be crossed by chance if it was looked at after each check.
#[derive(Debug)]
pub(super) struct Trust {
    budget: f64,
    cool_down: Option<Millis>,
    checks: u64,
    wrong: u64,
    /// The logarithms of the likelihood ratios, one for each rate.
    ratios: [f64; RATES],
    off_since: Option<Millis>,
    /// Somebody switched them off, and that is no matter of time.
    off_by_hand: bool,
}

impl Trust {
    pub(super) fn new(budget: f64, cool_down: Option<Duration>) -> Self {
        let cool_down = cool_down.map(millis);
        Self { budget, cool_down, checks: 0, wrong: 0, ratios: [0.0; RATES], off_since: None, off_by_hand: false }
    }

    /// May similar answers be given? Once they have cooled down they are tried again, if nobody switched them off.
    pub(super) fn is_on(&mut self, now: Millis) -> bool {
        if self.off_by_hand {
            return false;
        }
        if let (Some(since), Some(cool_down)) = (self.off_since, self.cool_down)
            && now >= since.saturating_add(cool_down)
        {
            self.switch(true, now);
        }
        self.off_since.is_none()
    }

    /// Switches by hand. What was seen is forgotten when they are switched on.
    pub(super) fn switch(&mut self, on: bool, now: Millis) {
        self.off_by_hand = !on;
        if on {
            self.begin_anew();
            self.off_since = None;
        } else {
            self.off_since.get_or_insert(now);
        }
    }

    /// One more check. True, if that switches similar answers off.
    pub(super) fn learn(&mut self, wrong: bool, now: Millis) -> bool {
        if self.off_since.is_some() {
            return false;
        }
        if self.checks == WINDOW {
            self.begin_anew();
        }
        self.checks += 1;
        self.wrong += u64::from(wrong);
        for (i, ratio) in self.ratios.iter_mut().enumerate() {
            let rate = rate(self.budget, i);
            *ratio += if wrong { rate / self.budget } else { (1.0 - rate) / (1.0 - self.budget) }.ln();
        }
        let evidence = self.ratios.iter().map(|ratio| ratio.exp()).sum::<f64>() / RATES as f64;
        let off = evidence >= 1.0 / MISTAKE;
        if off {
            self.off_since = Some(now);
        }
        off
    }

    /// Checks in the window, and how many of them were wrong.
    pub(super) const fn seen(&self) -> (u64, u64) {
        (self.checks, self.wrong)
    }

    fn begin_anew(&mut self) {
        (self.checks, self.wrong, self.ratios) = (0, 0, [0.0; RATES]);
    }
}

/// The i-th rate over a budget.
fn rate(budget: f64, i: usize) -> f64 {
    // Between the budget and the highest, also where doubling would lead beyond.
    let doubled = budget * f64::powi(2.0, i32::try_from(i).unwrap_or(i32::MAX).saturating_add(1));
    doubled.min(HIGHEST.max(f64::midpoint(budget, 1.0)))
}

/// The bounds within which a rate lies with 95 % certainty, by one look at so many of so many (E. B. Wilson, J. Amer.
/// Statist. Assoc. 22, 1927).
pub(super) fn wilson(wrong: u64, checks: u64) -> (f64, f64) {
    if checks == 0 {
        return (0.0, 1.0);
    }
    let (n, z2) = (checks as f64, DEVIATIONS * DEVIATIONS);
    let rate = wrong as f64 / n;
    let middle = rate + z2 / (2.0 * n);
    let spread = DEVIATIONS * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z2 / n;
    (((middle - spread) / whole).max(0.0), ((middle + spread) / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    /// After how many of so many checks a model is switched off that is wrong so often.
    fn switched_off(rate: f64, budget: f64, checks: u64, chance: &Chance) -> Option<u64> {
        let mut trust = Trust::new(budget, None);
        (1..=checks).find(|_| trust.learn(chance.happens(rate), 0))
    }

    #[test]
    fn who_keeps_the_budget_stays_on() {
        let chance = Chance::new(1);
        for (rate, most) in [(0.0, 0), (0.005, 4), (0.01, 18)] {
            let off = (0..1_000).filter(|_| switched_off(rate, 0.01, WINDOW, &chance).is_some()).count();
            // A hundredth of them is promised; and three deviations of chance beyond that.
            assert!(off <= most, "{off} of 1,000 at a rate of {rate}");
        }
    }

    #[test]
    fn who_is_wrong_is_switched_off_the_sooner_the_worse() {
        let chance = Chance::new(2);
        for (rate, typical) in [(1.0, 2), (0.5, 6), (0.1, 80), (0.05, 250)] {
            let mut all: Vec<u64> = (0..301).filter_map(|_| switched_off(rate, 0.01, WINDOW, &chance)).collect();
            all.sort_unstable();
            assert!(all.len() >= 299, "{} of 301 at a rate of {rate}", all.len());
            assert!(all[150] <= typical, "half of them after {} checks at a rate of {rate}", all[150]);
        }
    }

    #[test]
    fn a_good_past_does_not_hide_a_bad_present_for_ever() {
        let (mut trust, chance) = (Trust::new(0.01, None), Chance::new(3));
        (0..5_000).for_each(|_| assert!(!trust.learn(false, 0)));
        let off = (0..WINDOW + 500).find(|_| trust.learn(chance.happens(0.1), 0));
        assert!(off.is_some());
    }

    #[test]
    fn it_stays_off_until_it_has_cooled_down_or_is_switched_on() {
        let (hour, minute) = (3_600_000, 60_000);
        let mut trust = Trust::new(0.01, Some(Duration::from_secs(3_600)));
        while !trust.learn(true, minute) {}
        assert!(!trust.is_on(minute) && !trust.is_on(hour));
        assert!(!trust.learn(true, hour), "what is off is not switched off");
        assert!(trust.is_on(hour + minute));
        assert_eq!(trust.seen(), (0, 0), "what was seen before counts no more");
        while !trust.learn(true, hour + minute) {}
        trust.switch(false, hour + minute);
        assert!(!trust.is_on(Millis::MAX), "by hand");
        trust.switch(true, 0);
        assert!(trust.is_on(0));
        let mut without = Trust::new(0.01, None);
        while !without.learn(true, 0) {}
        assert!(!without.is_on(Millis::MAX));
        without.switch(true, 0);
        assert!(without.is_on(0));
        without.switch(false, 7);
        assert!(!without.is_on(8));
    }

    #[test]
    fn every_budget_has_rates_above_it() {
        for budget in [1e-6, 0.01, 0.3, 0.6, 0.95] {
            assert!((0..RATES).all(|i| (budget..1.0).contains(&rate(budget, i)) && rate(budget, i) > budget));
        }
    }

    #[test]
    fn the_bounds_are_those_of_the_book() {
        let (least, most) = wilson(1, 10);
        assert!((least - 0.0179).abs() < 1e-3 && (most - 0.4042).abs() < 1e-3, "{least} {most}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert_eq!(wilson(0, 50).0, 0.0);
    }
}
