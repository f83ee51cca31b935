//! What is lost by keeping less, and that it is lost for hits and misses alike.

use std::convert::Infallible;
use std::sync::Arc;

use cached_runtime::Cache;
use cached_runtime::embed::{CachedModel, Precision, embed_fn};
use proptest::prelude::*;

use crate::rig::World;

/// What a caller gets of a vector.
fn kept(precision: Precision, numbers: &[f32]) -> Arc<[f32]> {
    let numbers = numbers.to_vec();
    let base = embed_fn(move |_| {
        let numbers = numbers.clone();
        async move { Ok::<_, Infallible>(vec![numbers]) }
    });
    let cache = Cache::builder().build().unwrap();
    let model = CachedModel::wrap(base).id("numbers").precision(precision).build(&cache).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(model.embed_one("any")).unwrap()
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

fn numbers(most: f32) -> impl Strategy<Value = Vec<f32>> {
    let any = any::<f32>().prop_filter("finite", |number| number.is_finite());
    let one = prop_oneof![-1.0_f32..1.0, -most..most, any.prop_map(move |number| number.clamp(-most, most))];
    prop::collection::vec(one, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn f32_loses_nothing(numbers in numbers(f32::MAX)) {
        let kept = kept(Precision::F32, &numbers);
        prop_assert!(kept.iter().zip(&numbers).all(|(kept, number)| kept.to_bits() == number.to_bits()));
    }

    /// At most 2⁻¹¹ of a number, or 2⁻²⁵ if it is small.
    #[test]
    fn f16_loses_what_its_docs_say(numbers in numbers(65_519.0)) {
        for (kept, number) in kept(Precision::F16, &numbers).iter().zip(&numbers) {
            let lost = (f64::from(*kept) - f64::from(*number)).abs();
            let size = f64::from(number.abs());
            let bound = if size >= 2.0_f64.powi(-14) { size * 2.0_f64.powi(-11) } else { 2.0_f64.powi(-25) };
            prop_assert!(lost <= bound, "{number} became {kept}");
        }
    }

    /// At most half a step, which is a 127th of the largest, and what rounding adds.
    #[test]
    fn i8_loses_what_its_docs_say(numbers in numbers(f32::MAX)) {
        let largest = numbers.iter().fold(0.0_f64, |largest, number| largest.max(f64::from(number.abs())));
        let step = largest / 127.0;
        for (kept, number) in kept(Precision::I8, &numbers).iter().zip(&numbers) {
            let lost = (f64::from(*kept) - f64::from(*number)).abs();
            let bound = step * (0.5 + 1.0 / 50_000.0);
            prop_assert!(lost <= bound || lost < 1.5e-36, "{number} became {kept}, step {step}");
        }
    }

    /// What is rounded once is not rounded further.
    #[test]
    fn what_was_rounded_stays(numbers in numbers(60_000.0)) {
        for precision in [Precision::F32, Precision::F16] {
            let once = kept(precision, &numbers);
            prop_assert_eq!(&once, &kept(precision, &once));
        }
    }
}

/// Vectors as models make them: some hundred numbers around zero, of unit length.
fn like_a_models(seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32
    };
    // Twelve of these are nearly normal.
    let mut numbers: Vec<f32> = (0..384).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect();
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    numbers.iter_mut().for_each(|number| *number /= length);
    numbers
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn cosines_are_as_close_as_the_docs_say() {
    for (precision, bound) in [(Precision::F32, 1e-12), (Precision::F16, 1e-7), (Precision::I8, 1e-4)] {
        let lost = (0..100).map(|seed| 1.0 - cosine(&like_a_models(seed), &kept(precision, &like_a_models(seed))));
        let worst = lost.fold(0.0, f64::max);
        println!("{}: 1 - cosine with the exact vector is {worst:.2e} at most", precision.word());
        assert!(worst <= bound, "{precision:?}: {worst}");
    }
}

#[tokio::test]
async fn a_hit_in_a_tier_is_the_miss_to_the_bit() {
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        let tier = Arc::new(cached_runtime::tier::memory::MemoryTier::new());
        let texts: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        let base = || {
            embed_fn(|texts: Vec<String>| async move {
                Ok::<_, Infallible>(texts.iter().map(|text| like_a_models(text.parse().unwrap())).collect())
            })
        };
        let mut all = Vec::new();
        for asked in [50, 0] {
            let world = World::over(Arc::clone(&tier) as _);
            let model = CachedModel::wrap(base()).id("random").precision(precision).build(&world.cache).unwrap();
            all.push(model.embed(&texts).await.unwrap());
            assert_eq!(model.stats().asked, asked);
            world.settle().await;
        }
        assert_eq!(all[0], all[1], "{precision:?}");
    }
}
