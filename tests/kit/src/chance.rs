//! Chance that repeats itself from a seed.

use std::time::Duration;

/// A xorshift generator: the same seed gives the same draws on every machine.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Starts from a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next draw.
    pub fn draw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A draw from zero up to, and without, one.
    pub fn fraction(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A draw from zero up to, and without, a limit, which is above zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }

    /// A time from zero up to a limit.
    pub fn within(&mut self, limit: Duration) -> Duration {
        limit.mul_f64(self.fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_fractions_are_even() {
        let (mut one, mut two) = (Chance::seeded(7), Chance::seeded(7));
        assert!((0..100).all(|_| one.draw() == two.draw()));
        let mean = (0..10_000).map(|_| one.fraction()).sum::<f64>() / 10_000.0;
        assert!((0.48..0.52).contains(&mean), "{mean}");
    }
}
