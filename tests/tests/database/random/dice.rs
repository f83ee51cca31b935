//! Chance, as generators use it.

use kit::Chance;

#[derive(Debug, Clone)]
pub(crate) struct Dice(Chance);

impl Dice {
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut chance = Chance::seeded(seed);
        // Neighbouring seeds begin alike.
        (0..8).for_each(|_| _ = chance.draw());
        Self(chance)
    }

    /// From zero up to, and without, a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.0.draw() >> 16) as usize % limit.max(1)
    }

    /// Both included.
    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// So many times in a hundred.
    pub(crate) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
