//! How many different values a statement was given, without keeping any of them.

use std::fmt::{self, Write as _};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// Told apart to about 7 %.
const REGISTERS: usize = 256;
/// So few different values are counted exactly.
const FEW: usize = 16;
/// So many bytes of what a statement was given are looked at.
const LOOKED_AT: usize = 4 << 10;
/// Each of the first is looked at, and then the first of each so many: what follows on each other is what repeats.
const FIRST: u64 = 4_096;
const RUN: u64 = 512;
const EACH: u64 = 8_192;

/// Of this process alone: what is left of a value tells nobody what it was.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Counts different values in a fixed room (a HyperLogLog, and the first few as they are).
#[derive(Debug)]
pub(super) struct Sketch {
    /// The hashes of the first different values; 0 where none is yet.
    few: [AtomicU64; FEW],
    registers: [AtomicU8; REGISTERS],
    looked_at: AtomicU64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            few: [const { AtomicU64::new(0) }; FEW],
            registers: [const { AtomicU8::new(0) }; REGISTERS],
            looked_at: AtomicU64::new(0),
        }
    }
}

impl Sketch {
    /// Is the call of this number one that is looked at?
    pub(super) const fn wants(number: u64) -> bool {
        number < FIRST || number % EACH < RUN
    }

    pub(super) fn add(&self, values: &impl fmt::Debug) {
        self.looked_at.fetch_add(1, Relaxed);
        self.add_hash(hash(values));
    }

    fn add_hash(&self, hash: u64) {
        self.add_to_few(hash.max(1));
        let (register, rest) = (hash as usize % REGISTERS, hash >> 8);
        // At most 57.
        let zeros = u8::try_from(rest.trailing_zeros().min(56) + 1).unwrap_or(u8::MAX);
        if let Some(register) = self.registers.get(register)
            && register.load(Relaxed) < zeros
        {
            register.fetch_max(zeros, Relaxed);
        }
    }

    fn add_to_few(&self, hash: u64) {
        for place in &self.few {
            let there = match place.load(Relaxed) {
                0 => place.compare_exchange(0, hash, Relaxed, Relaxed).unwrap_or_else(|there| there),
                there => there,
            };
            if there == 0 || there == hash {
                return;
            }
        }
    }

    /// How many calls were looked at.
    pub(super) fn looked_at(&self) -> u64 {
        self.looked_at.load(Relaxed)
    }

    /// How many different values those calls gave: exactly while they are fewer than sixteen, then about.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub(super) fn distinct(&self) -> u64 {
        let few = self.few.iter().take_while(|place| place.load(Relaxed) != 0).count();
        if few < FEW {
            return few as u64;
        }
        let ranks: Vec<u8> = self.registers.iter().map(|register| register.load(Relaxed)).collect();
        let count = REGISTERS as f64;
        let sum: f64 = ranks.iter().map(|&rank| 2_f64.powi(-i32::from(rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
        let empty = ranks.iter().filter(|&&rank| rank == 0).count();
        let about = if raw <= 2.5 * count && empty > 0 { count * (count / empty as f64).ln() } else { raw };
        (about.round() as u64).min(self.looked_at())
    }
}

/// Of what it shows of itself: drivers let nobody else look at what they were given.
fn hash(values: &impl fmt::Debug) -> u64 {
    struct Text {
        hasher: <RandomState as std::hash::BuildHasher>::Hasher,
        left: usize,
    }

    impl fmt::Write for Text {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let bytes = text.as_bytes();
            self.hasher.write(bytes.get(..self.left).unwrap_or(bytes));
            self.left = self.left.checked_sub(bytes.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut text = Text { hasher: SEED.build_hasher(), left: LOOKED_AT };
    // An error is the end of what is looked at.
    let _ = write!(text, "{values:?}");
    text.hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_values_are_counted_to_about_a_tenth() {
        for different in [1_u64, 10, 200, 3_000, 50_000] {
            let sketch = Sketch::default();
            for call in 0..100_000 {
                sketch.add(&(call % different));
            }
            let found = sketch.distinct();
            // Three times the error that is to be expected.
            assert!(found.abs_diff(different) <= different / 5 + 1, "{found} for {different}");
        }
    }

    /// Also where two of them share a register.
    #[test]
    fn few_different_values_are_counted_exactly() {
        for different in 1..FEW as u64 {
            let sketch = Sketch::default();
            for call in 0..1_000 {
                sketch.add_hash((call % different) << 8);
            }
            sketch.looked_at.store(1_000, Relaxed);
            assert_eq!(sketch.distinct(), different);
        }
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(Sketch::default().distinct(), 0);
    }

    #[test]
    fn a_long_value_is_not_looked_at_to_its_end() {
        let start = "x".repeat(LOOKED_AT);
        assert_eq!(hash(&format!("{start}a")), hash(&format!("{start}b")));
        assert_ne!(hash(&"a"), hash(&"b"));
    }
}
