//! Which method and level pay, learned from the data itself.
//!
//! Each candidate is tried on a value now and then; what it saves and what it costs is kept as sums that fade, so that
//! lately counts most. Chosen is what saves most of those that pay and that the budget allows: bytes that come in a second,
//! times the time for a byte, is the part of a core that a candidate would take.

use super::method::Compression;

const NANOS: f64 = 1e9;
/// What a candidate did on so many values counts as much as all that was before, or, while nothing is compressed, on so few.
const MEMORY: f64 = 32.0;
const MEMORY_IN_VAIN: f64 = 4.0;
/// The bytes that come are counted over about so many seconds.
const SPAN: f64 = 30.0;
/// Saving less than this part of the bytes does not pay.
const PAYS: f64 = 0.1;
/// A dearer candidate has to save so much more, as a part of the bytes, and so has a change of mind.
const WORTH: f64 = 0.01;
/// One value in so many is tried with one more candidate.
const EVERY: u64 = 64;
/// One in so many, at the rarest, while nothing pays.
const RAREST: u64 = 4096;
/// Trials may take this part of the budget once each candidate was tried.
const TRIALS: f64 = 0.25;

/// A method at a level.
pub(super) type Step = (Compression, i32);

/// The candidates, the cheapest first.
pub(super) const STEPS: &[Step] = &[
    #[cfg(feature = "lz4")]
    (Compression::Lz4, 0),
    #[cfg(feature = "zstd")]
    (Compression::Zstd, 1),
    #[cfg(feature = "zstd")]
    (Compression::Zstd, 3),
    #[cfg(feature = "zstd")]
    (Compression::Zstd, 9),
    #[cfg(not(feature = "zstd"))]
    (Compression::Zlib, 1),
    #[cfg(not(feature = "zstd"))]
    (Compression::Zlib, 6),
    #[cfg(not(feature = "zstd"))]
    (Compression::Zlib, 9),
];

/// What is done with one value: places in [`STEPS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// With this it is compressed; with nothing, if none.
    pub(super) with: Option<usize>,
    /// This is tried on it beside that, for what can be learned.
    pub(super) tried: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Learned {
    tries: u64,
    raw: f64,
    out: f64,
    nanos: f64,
}

impl Learned {
    fn add(&mut self, raw: usize, out: usize, nanos: u64, memory: f64) {
        let keep = 1.0 - 1.0 / memory;
        self.tries += 1;
        self.raw = self.raw * keep + raw as f64;
        self.out = self.out * keep + out as f64;
        self.nanos = self.nanos * keep + nanos as f64;
    }

    /// The part of the bytes that it saves.
    fn saves(&self) -> f64 {
        if self.raw > 0.0 { 1.0 - self.out / self.raw } else { 0.0 }
    }

    fn nanos_a_byte(&self) -> f64 {
        if self.raw > 0.0 { self.nanos / self.raw } else { 0.0 }
    }
}

/// How many bytes come in a second, lately.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    bytes: f64,
    since: f64,
    at: f64,
}

impl Flow {
    fn add(&mut self, bytes: usize, now: f64) {
        let passed = (now - self.at).max(0.0);
        let keep = (-passed / SPAN).exp();
        self.bytes = self.bytes * keep + bytes as f64;
        self.since = self.since * keep + SPAN * (1.0 - keep);
        self.at = self.at.max(now);
    }

    /// In the first second nothing is known of it; then what came is taken for a second's.
    fn a_second(&self) -> f64 {
        self.bytes / self.since.max(1.0)
    }
}

#[derive(Debug)]
pub(super) struct Chooser {
    share: f64,
    learned: [Learned; STEPS.len()],
    now: Option<usize>,
    values: u64,
    next: u64,
    every: u64,
    turn: usize,
    /// What trials cost since the beginning, after the first of each.
    trials: f64,
    flow: Flow,
    changes: u64,
}

impl Chooser {
    /// With so much of a core.
    pub(super) fn new(share: f64) -> Self {
        Self {
            share,
            learned: [Learned::default(); STEPS.len()],
            // Something that is cheap and seldom wrong, until there is something to choose by.
            now: Some(0),
            values: 0,
            next: 0,
            every: EVERY,
            turn: 0,
            trials: 0.0,
            flow: Flow::default(),
            changes: 0,
        }
    }

    /// What to do with a value of so many bytes that comes now, in seconds since the beginning.
    pub(super) fn plan(&mut self, raw: usize, now: f64) -> Plan {
        self.flow.add(raw, now);
        self.values += 1;
        Plan { with: self.now, tried: self.trial(now) }
    }

    fn trial(&mut self, now: f64) -> Option<usize> {
        if let Some(unknown) = self.learned.iter().position(|learned| learned.tries == 0) {
            return Some(unknown).filter(|at| self.now != Some(*at));
        }
        let allowed = self.trials / NANOS <= self.share * TRIALS * now.max(1.0);
        if self.values < self.next || !allowed {
            return None;
        }
        self.next = self.values + self.every;
        if self.now.is_none() {
            // Once none pays, it is asked more and more seldom whether one does.
            self.every = (self.every * 2).min(RAREST);
        }
        self.turn = (self.turn + 1) % STEPS.len();
        Some(self.turn).filter(|at| self.now != Some(*at))
    }

    /// What came of it.
    pub(super) fn learn(&mut self, at: usize, raw: usize, out: usize, nanos: u64) {
        let learned = &mut self.learned[at];
        if learned.tries > 0 && self.now != Some(at) {
            self.trials += nanos as f64;
        }
        let memory = if self.now.is_some() { MEMORY } else { MEMORY_IN_VAIN };
        learned.add(raw, out, nanos, memory);
        if self.learned.iter().all(|learned| learned.tries > 0) {
            self.decide();
        }
    }

    fn decide(&mut self) {
        let best = self.best();
        if best == self.now || !self.is_worth_it(best) {
            return;
        }
        self.now = best;
        self.changes += 1;
        self.every = EVERY;
    }

    fn best(&self) -> Option<usize> {
        let flow = self.flow.a_second();
        let affordable = |learned: &Learned| flow * learned.nanos_a_byte() / NANOS <= self.share;
        let mut best: Option<usize> = None;
        for (at, learned) in self.learned.iter().enumerate() {
            let needed = best.map_or(PAYS, |best| self.learned[best].saves() + WORTH);
            if affordable(learned) && learned.saves() >= needed {
                best = Some(at);
            }
        }
        best
    }

    /// Against changing one's mind with every value. What is no longer affordable, or no longer pays, goes at once.
    fn is_worth_it(&self, best: Option<usize>) -> bool {
        let (Some(now), Some(best)) = (self.now, best) else { return true };
        let (known, other) = (&self.learned[now], &self.learned[best]);
        let kept = self.flow.a_second() * known.nanos_a_byte() / NANOS <= self.share && known.saves() >= PAYS;
        !kept || (other.saves() - known.saves()).abs() >= WORTH
    }

    /// What it takes now.
    pub(super) const fn now(&self) -> Option<usize> {
        self.now
    }

    /// How often it changed its mind.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    /// A world in which each step saves and costs what it does on some kind of data, a few percent more or less.
    struct World {
        saves: fn(usize) -> f64,
        nanos_a_byte: fn(usize) -> f64,
    }

    /// Dearer steps save more, and the last is dear.
    const TEXT: World = World {
        saves: |at| 0.5 + 0.1 * at as f64,
        nanos_a_byte: |at| if at + 1 == STEPS.len() { 20.0 } else { 1.0 + 1.25 * at as f64 },
    };
    const NOISE: World = World { saves: |_| 0.0, nanos_a_byte: |at| [0.3, 1.0, 1.5, 6.0][at] };

    /// So many values of 4 KiB, so many in a second; gives what was taken how often.
    fn lived(chooser: &mut Chooser, world: &World, values: u64, a_second: f64, from: f64) -> (Vec<u64>, u64) {
        let chance = Chance::new(7);
        let (mut taken, mut tried) = (vec![0; STEPS.len() + 1], 0);
        for n in 0..values {
            let plan = chooser.plan(4096, from + n as f64 / a_second);
            taken[plan.with.map_or(0, |at| at + 1)] += 1;
            tried += u64::from(plan.tried.is_some());
            for at in plan.with.into_iter().chain(plan.tried) {
                let noise = 0.95 + 0.1 * (chance.next() % 1000) as f64 / 1000.0;
                let out = 4096.0 * (1.0 - (world.saves)(at));
                chooser.learn(at, 4096, out as usize, (4096.0 * (world.nanos_a_byte)(at) * noise) as u64);
            }
        }
        (taken, tried)
    }

    #[test]
    fn what_saves_most_is_taken_where_time_is_no_matter() {
        let mut chooser = Chooser::new(1.0);
        lived(&mut chooser, &TEXT, 1_000, 100.0, 0.0);
        assert_eq!(chooser.now(), Some(STEPS.len() - 1));
        assert!(chooser.changes() <= 3, "{}", chooser.changes());
    }

    #[test]
    fn the_budget_is_kept_when_much_comes() {
        // 4 KiB at 20 ns a byte are 82 µs: 10,000 in a second would take eight tenths of a core.
        let mut chooser = Chooser::new(0.2);
        lived(&mut chooser, &TEXT, 50_000, 10_000.0, 0.0);
        let now = chooser.now().expect("something is affordable");
        assert!(now > 0 && now < STEPS.len() - 1, "{now}: not the dearest, nor the cheapest");
        // Then little comes, and the dearest is affordable.
        lived(&mut chooser, &TEXT, 10_000, 50.0, 5.0);
        assert_eq!(chooser.now(), Some(STEPS.len() - 1));
    }

    #[test]
    fn a_flood_after_a_long_silence_is_noticed_at_once() {
        let mut chooser = Chooser::new(0.2);
        lived(&mut chooser, &TEXT, 5_000, 50.0, 0.0);
        assert_eq!(chooser.now(), Some(STEPS.len() - 1));
        lived(&mut chooser, &TEXT, 100_000, 10_000.0, 3_700.0);
        assert_ne!(chooser.now(), Some(STEPS.len() - 1), "ten seconds later");
    }

    #[test]
    fn a_flood_that_not_even_the_cheapest_can_take_is_left_as_it_is() {
        let mut chooser = Chooser::new(0.01);
        lived(&mut chooser, &TEXT, 100_000, 20_000.0, 0.0);
        assert_eq!(chooser.now(), None);
    }

    #[test]
    fn nothing_is_taken_where_nothing_is_saved_and_it_is_asked_seldom() {
        let mut chooser = Chooser::new(1.0);
        let (taken, tried) = lived(&mut chooser, &NOISE, 100_000, 1_000.0, 0.0);
        assert_eq!(chooser.now(), None);
        assert!(taken[1..].iter().sum::<u64>() < 100, "{taken:?}");
        assert!(tried < 100, "{tried} trials of 100,000 values");
    }

    #[test]
    fn data_that_change_are_noticed() {
        let mut chooser = Chooser::new(1.0);
        lived(&mut chooser, &NOISE, 5_000, 1_000.0, 0.0);
        assert_eq!(chooser.now(), None);
        lived(&mut chooser, &TEXT, 200_000, 1_000.0, 5.0);
        assert_eq!(chooser.now(), Some(STEPS.len() - 1));
        lived(&mut chooser, &NOISE, 50_000, 1_000.0, 205.0);
        assert_eq!(chooser.now(), None);
    }

    #[test]
    fn equal_candidates_do_not_make_it_waver() {
        let alike = World { saves: |at| 0.6 + 0.002 * at as f64, nanos_a_byte: |_| 2.0 };
        let mut chooser = Chooser::new(1.0);
        lived(&mut chooser, &alike, 20_000, 1_000.0, 0.0);
        assert!(chooser.changes() <= 2, "{}", chooser.changes());
    }
}
