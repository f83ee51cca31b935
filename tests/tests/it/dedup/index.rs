//! The index finds what a comparison with all finds.

use cached_runtime::dedup::{Index, PictureHash};
use proptest::prelude::*;

use super::at;

/// A hash: one of a few, with some bits changed, so that there are neighbours.
fn hashes(bits: u32) -> impl Strategy<Value = PictureHash> {
    (0_u64..4, prop::collection::vec(0..bits, 0..20)).prop_map(move |(seed, flips)| {
        let mut words: [u64; 4] = std::array::from_fn(|i| super::mixed(seed * 4 + i as u64));
        flips.iter().for_each(|bit| words[(bit / 64) as usize] ^= 1 << (bit % 64));
        PictureHash::new(words, bits)
    })
}

/// The nearest, told without the index.
fn nearest(all: &[(PictureHash, u64)], asked: &PictureHash, radius: u32) -> Option<(std::time::Duration, u32)> {
    let near = all.iter().map(|(hash, second)| (hash.distance(asked), *second));
    near.filter(|(distance, _)| *distance <= radius).min().map(|(distance, second)| (at(second), distance))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_nearest_is_found_by_tables_as_by_comparing_all(
        (bits, all, asked) in prop::sample::select(vec![64_u32, 224, 256, 31]).prop_flat_map(|bits| (
            Just(bits),
            prop::collection::vec((hashes(bits), 0_u64..50), 0..300),
            prop::collection::vec(hashes(bits), 1..20),
        )),
        similarity in prop::sample::select(vec![0.95, 0.97, 1.0, 0.9, 0.8]),
    ) {
        let mut index = Index::new(bits, similarity);
        for (hash, second) in &all {
            index.insert(hash, at(*second));
        }
        prop_assert_eq!(index.len(), all.len());
        for asked in &asked {
            let wanted = nearest(&all, asked, index.radius());
            prop_assert_eq!(index.nearest(asked), wanted);
            prop_assert_eq!(index.nearest_by_scan(asked), wanted);
        }
    }
}
