//! How exactly a vector's numbers are kept, and what that costs in exactness.

use half::f16;

use super::failure::Fault;

/// The largest step of `i8`.
const STEPS: f32 = 127.0;

/// How exactly numbers are kept, in tiers and in what callers get.
///
/// Errors are those of one number, against what the model gave. The cosine of a whole vector with the exact one is
/// under 1 by 3·10⁻⁸ with `F16` and by 4·10⁻⁵ with `I8`, at most, measured for a hundred vectors of 384 numbers around
/// zero; a vector with a few large numbers among small ones loses more with `I8`. The example `embeddings` measures
/// both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Four bytes a number, exact.
    #[default]
    F32,
    /// Two bytes a number: at most 2⁻¹¹ of the number itself is lost; of numbers below 2⁻¹⁴, at most 2⁻²⁵. Numbers of
    /// 65,520 and more do not fit: such a vector is refused ([`Fault::TooLarge`]).
    F16,
    /// One byte a number, and one step for the vector, which is a 127th of its largest number (by size): at most half a
    /// step is lost, and what the rounding of `f32` adds, which is less than a 50,000th of a step. A vector whose
    /// numbers are all below 1.5·10⁻³⁶ becomes zero.
    I8,
}

impl Precision {
    /// `f32`, `f16` or `i8`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::I8 => "i8",
        }
    }

    /// Bytes for one number.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::I8 => 1,
        }
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::I8 => 2,
        }
    }

    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::F32),
            1 => Some(Self::F16),
            2 => Some(Self::I8),
            _ => None,
        }
    }

    /// The step of a vector of finite numbers: `i8` alone has one. 0 if all numbers count as 0.
    pub(super) fn step(self, numbers: &[f32]) -> f32 {
        if self != Self::I8 {
            return 0.0;
        }
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let step = largest / STEPS;
        // A step with few digits left would lose more than half of itself.
        if step.is_normal() { step } else { 0.0 }
    }

    /// The number as it comes back.
    ///
    /// # Errors
    /// [`Fault::TooLarge`] if it does not fit.
    pub(super) fn round(self, number: f32, step: f32, component: usize) -> Result<f32, Fault> {
        match self {
            Self::F32 => Ok(number),
            Self::F16 => {
                let rounded = f16::from_f32(number);
                if rounded.is_finite() { Ok(rounded.to_f32()) } else { Err(Fault::TooLarge { component }) }
            }
            Self::I8 => Ok(unpacked(steps_of(number, step), step)),
        }
    }

    /// The bytes of numbers that were rounded.
    pub(super) fn pack(self, numbers: &[f32], step: f32) -> Vec<u8> {
        match self {
            Self::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Self::F16 => numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect(),
            Self::I8 => numbers.iter().flat_map(|number| steps_of(*number, step).to_le_bytes()).collect(),
        }
    }

    /// The numbers of these bytes; `None` if they are no whole numbers.
    pub(super) fn unpack(self, bytes: &[u8], step: f32) -> Option<Vec<f32>> {
        match self {
            Self::F32 => {
                let (all, []) = bytes.as_chunks::<4>() else { return None };
                Some(all.iter().map(|four| f32::from_le_bytes(*four)).collect())
            }
            Self::F16 => {
                let (all, []) = bytes.as_chunks::<2>() else { return None };
                Some(all.iter().map(|two| f16::from_le_bytes(*two).to_f32()).collect())
            }
            Self::I8 => Some(bytes.iter().map(|one| unpacked(i8::from_le_bytes([*one]), step)).collect()),
        }
    }
}

/// How many steps a number is; the same for the number that this comes back as.
fn steps_of(number: f32, step: f32) -> i8 {
    if step == 0.0 { 0 } else { (number / step).round().clamp(-STEPS, STEPS) as i8 }
}

/// So many steps. The largest number of all may be rounded beyond what there is.
fn unpacked(steps: i8, step: f32) -> f32 {
    (f32::from(steps) * step).clamp(f32::MIN, f32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Precision; 3] = [Precision::F32, Precision::F16, Precision::I8];

    fn rounded(precision: Precision, numbers: &[f32]) -> (Vec<f32>, f32) {
        let step = precision.step(numbers);
        let one = |(component, number): (usize, &f32)| precision.round(*number, step, component).expect("it fits");
        (numbers.iter().enumerate().map(one).collect(), step)
    }

    #[test]
    fn what_was_rounded_comes_back_to_the_bit() {
        let numbers = [0.0, -0.0, 1.0, -0.3, 1e-8, 6e-8, 0.999_999, -65_519.0, 33.333, 1e-30];
        for precision in ALL {
            let (near, step) = rounded(precision, &numbers);
            let bytes = precision.pack(&near, step);
            assert_eq!(bytes.len(), numbers.len() * precision.bytes());
            let back = precision.unpack(&bytes, step).expect("whole numbers");
            let bits = |all: &[f32]| all.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&back), bits(&near), "{precision:?}");
        }
    }

    #[test]
    fn the_edges_of_what_there_is_are_kept() {
        assert_eq!(rounded(Precision::I8, &[f32::MAX, f32::MIN, 0.0]).0[2], 0.0);
        assert!(rounded(Precision::I8, &[f32::MAX, f32::MIN]).0.iter().all(|number| number.is_finite()));
        assert_eq!(rounded(Precision::I8, &[f32::MIN_POSITIVE, 1e-40]), (vec![0.0, 0.0], 0.0));
        assert_eq!(Precision::F16.round(65_520.0, 0.0, 7), Err(Fault::TooLarge { component: 7 }));
        assert_eq!(Precision::F16.round(65_519.0, 0.0, 7), Ok(65_504.0));
    }

    #[test]
    fn bytes_that_nobody_packed_are_refused() {
        assert_eq!(Precision::F32.unpack(&[1, 2, 3], 0.0), None);
        assert_eq!(Precision::F16.unpack(&[1, 2, 3], 0.0), None);
        assert!((3..=u8::MAX).all(|number| Precision::from_number(number).is_none()));
        assert!(ALL.iter().all(|p| Precision::from_number(p.number()) == Some(*p)));
    }
}
