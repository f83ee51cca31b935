//! The nearest of many hashes, without comparing all of them.
//!
//! Multi-index hashing (Norouzi, Punjani, Fleet: "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012).
//! A hash is split into chunks. If two hashes differ in at most `r` bits, then of `m` chunks not all can differ in more
//! than `r / m` bits: who looks, in a table per chunk, under all values that are so near, meets every hash within `r`.

use std::time::Duration;

use super::hash::{PictureHash, distance};

/// The numbers of chunks and the costs are weighed for so many hashes.
const MANY: f64 = 100_000.0;
/// What a bucket costs to find, and what one hash costs in it, as multiples of one hash in a scan.
const PROBE: f64 = 8.0;
const VISIT: f64 = 4.0;
/// Bits of pictures go together: this part of them tells as much as bits of chance would. Too low costs look-ups among
/// hashes of chance some microseconds; too high lets those among real pictures come near a scan.
const TELLING: f64 = 0.45;
/// No hash, in a chain.
const NONE: u32 = u32::MAX;
/// The timestamp of a hash that was removed.
const GONE: Duration = Duration::MAX;
/// With fewer hashes than this the removed ones are not worth a thought.
const FEW: usize = 64;

/// Hashes of one length with their timestamps, asked for the nearest one within a fixed distance.
///
/// Exact: it finds what a comparison with all of them finds. The choice was measured (`tests/benches/dedup.rs`): among
/// 100,000 hashes of pictures a look-up takes a tenth of the time of a scan, and a tree by distances (Burkhard and Keller,
/// 1973) takes as long as the scan. Where tables do not help, because the distance is wide or too many hashes share
/// a chunk, it scans.
///
/// ```
/// use std::time::Duration;
/// use cached_runtime::dedup::{Index, PictureHash};
///
/// let mut index = Index::new(64, 0.95);
/// index.insert(&PictureHash::new([0b1111, 0, 0, 0], 64), Duration::from_secs(1));
/// let near = PictureHash::new([0b0111, 0, 0, 0], 64);
/// assert_eq!(index.nearest(&near), Some((Duration::from_secs(1), 1)));
/// assert_eq!(index.nearest(&PictureHash::new([u64::MAX, 0, 0, 0], 64)), None);
/// ```
#[derive(Debug, Clone)]
pub struct Index {
    bits: u32,
    radius: u32,
    chunks: Vec<Chunk>,
    hashes: Vec<[u64; 4]>,
    times: Vec<Duration>,
    /// How many of them were removed.
    gone: usize,
}

/// Some bits of every hash, and which hashes have which value there.
#[derive(Debug, Clone)]
struct Chunk {
    /// Which bits: spread over the hash, for neighbours say much the same.
    places: Vec<u8>,
    /// In how many of them a hash may differ to be met here.
    radius: u32,
    /// The last hash of each bucket, and how many there are. A bucket may hold several values: that costs comparisons.
    buckets: Vec<(u32, u32)>,
    /// The hash before, in the same bucket.
    before: Vec<u32>,
}

impl Index {
    /// An empty index of hashes of so many bits, for look-ups at this similarity: 1 - distance / bits.
    #[must_use]
    pub fn new(bits: u32, similarity: f64) -> Self {
        let bits = bits.clamp(1, 256);
        let radius = radius(bits, similarity);
        Self { bits, radius, chunks: plan(bits, radius), hashes: Vec::new(), times: Vec::new(), gone: 0 }
    }

    /// How many hashes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len() - self.gone
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The greatest distance at which a hash is found, in bits.
    #[must_use]
    pub const fn radius(&self) -> u32 {
        self.radius
    }

    /// Bytes that it takes, about.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.buckets.len() * 8 + chunk.before.capacity() * 4).sum();
        chunks + self.hashes.capacity() * 32 + self.times.capacity() * size_of::<Duration>()
    }

    /// All hashes with their timestamps.
    pub(super) fn entries(&self) -> impl Iterator<Item = ([u64; 4], Duration)> + '_ {
        let all = self.hashes.iter().copied().zip(self.times.iter().copied());
        all.filter(|(_, at)| *at != GONE)
    }

    /// Adds a hash. Cost: some hundred nanoseconds; what has doubled since is put into larger tables. Nothing is added
    /// beyond four thousand million, no hash of another length, and none at `Duration::MAX`.
    pub fn insert(&mut self, hash: &PictureHash, at: Duration) {
        let Ok(id) = u32::try_from(self.hashes.len()) else { return };
        if id == NONE || hash.bits() != self.bits || at == GONE {
            return;
        }
        self.put(*hash.words(), at, id);
    }

    /// Removes the hashes of this timestamp; false if there is none. Cost: a look at all timestamps, some tens of
    /// microseconds for 100,000. Once half of all were removed, the others are put into smaller tables.
    pub fn remove(&mut self, at: Duration) -> bool {
        let mut found = 0;
        for time in self.times.iter_mut().filter(|time| **time == at && at != GONE) {
            *time = GONE;
            found += 1;
        }
        self.gone += found;
        if self.hashes.len() >= FEW && self.gone * 2 > self.hashes.len() {
            let (hashes, times) = (std::mem::take(&mut self.hashes), std::mem::take(&mut self.times));
            self.gone = 0;
            self.chunks.iter_mut().for_each(Chunk::clear);
            let left = hashes.into_iter().zip(times).filter(|(_, time)| *time != GONE);
            left.zip(0..).for_each(|((hash, at), id)| self.put(hash, at, id));
        }
        found > 0
    }

    fn put(&mut self, hash: [u64; 4], at: Duration, id: u32) {
        self.hashes.push(hash);
        self.times.push(at);
        for chunk in &mut self.chunks {
            if chunk.before.len() >= chunk.buckets.len() {
                chunk.grow(&self.hashes);
            } else {
                chunk.add(&hash, id);
            }
        }
    }

    /// The nearest hash within the distance: its timestamp, and in how many bits it differs. Of several that are as near
    /// the one with the earliest timestamp.
    #[must_use]
    pub fn nearest(&self, hash: &PictureHash) -> Option<(Duration, u32)> {
        if hash.bits() != self.bits {
            return None;
        }
        let most = self.hashes.len() as f64 + 64.0;
        let Some(heads) = self.heads(hash.words(), most) else { return self.nearest_by_scan(hash) };
        self.nearest_in(heads, hash)
    }

    fn nearest_in(&self, heads: Vec<(usize, u32)>, hash: &PictureHash) -> Option<(Duration, u32)> {
        let mut best: Option<(u32, Duration)> = None;
        for (chunk, head) in heads {
            let mut id = head;
            while id != NONE {
                self.look(hash.words(), id as usize, &mut best);
                id = self.chunks[chunk].before[id as usize];
            }
        }
        best.map(|(distance, at)| (at, distance))
    }

    /// The same by comparing all of them: what look-ups are measured and tested against.
    #[must_use]
    pub fn nearest_by_scan(&self, hash: &PictureHash) -> Option<(Duration, u32)> {
        if hash.bits() != self.bits {
            return None;
        }
        let mut best = None;
        (0..self.hashes.len()).for_each(|id| self.look(hash.words(), id, &mut best));
        best.map(|(distance, at)| (at, distance))
    }

    fn look(&self, hash: &[u64; 4], id: usize, best: &mut Option<(u32, Duration)>) {
        let distance = distance(hash, &self.hashes[id]);
        if distance <= best.map_or(self.radius, |(least, _)| least) && self.times[id] != GONE {
            let found = (distance, self.times[id]);
            if best.is_none_or(|best| found < best) {
                *best = Some(found);
            }
        }
    }

    /// The buckets in which a near hash would be; none if that is more work than this.
    fn heads(&self, hash: &[u64; 4], most: f64) -> Option<Vec<(usize, u32)>> {
        if self.chunks.is_empty() {
            return None;
        }
        let (mut heads, mut work) = (Vec::with_capacity(self.chunks.len()), 0.0);
        for (place, chunk) in self.chunks.iter().enumerate() {
            if chunk.buckets.is_empty() {
                continue;
            }
            around(chunk.value(hash), chunk.places.len(), chunk.radius, 0, &mut |value| {
                let (head, count) = chunk.buckets[chunk.bucket(value)];
                work += PROBE + VISIT * f64::from(count);
                if head != NONE {
                    heads.push((place, head));
                }
            });
            if work > most {
                return None;
            }
        }
        Some(heads)
    }
}

impl Chunk {
    fn value(&self, hash: &[u64; 4]) -> u64 {
        let bit = |place: u8| hash[usize::from(place / 64)] >> (place % 64) & 1;
        self.places.iter().fold(0, |value, &place| value << 1 | bit(place))
    }

    /// Where a value is found: by the upper bits of a product, which all bits of the value have a part in.
    fn bucket(&self, value: u64) -> usize {
        let hash = value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> (64 - self.buckets.len().trailing_zeros().clamp(1, 63))) as usize
    }

    fn add(&mut self, hash: &[u64; 4], id: u32) {
        let bucket = self.bucket(self.value(hash));
        let (head, count) = self.buckets[bucket];
        self.before.push(head);
        self.buckets[bucket] = (id, count + 1);
    }

    fn clear(&mut self) {
        (self.buckets, self.before) = (Vec::new(), Vec::new());
    }

    /// As many buckets as there may soon be hashes, and all of them put in anew.
    fn grow(&mut self, hashes: &[[u64; 4]]) {
        let buckets = (hashes.len() * 2).next_power_of_two().max(16);
        self.buckets = vec![(NONE, 0); buckets];
        self.before.clear();
        self.before.reserve_exact(buckets);
        for (hash, id) in hashes.iter().zip(0..) {
            self.add(hash, id);
        }
    }
}

/// How many bits may differ. The least part of a bit is forgiven, so that 0.95 of 20 bits is one bit.
fn radius(bits: u32, similarity: f64) -> u32 {
    ((1.0 - similarity.clamp(0.0, 1.0)) * f64::from(bits) + 1e-9) as u32
}

/// The chunks that cost least; none if a scan costs less.
fn plan(bits: u32, radius: u32) -> Vec<Chunk> {
    let costs = (1..=bits.min(64)).map(|count| (cost(bits, radius, count), count));
    let (least, count) = costs.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((f64::MAX, 1));
    if least >= MANY {
        return Vec::new();
    }
    let chunk = |place: u32| Chunk {
        places: (place..bits).step_by(count as usize).filter_map(|bit| u8::try_from(bit).ok()).collect(),
        radius: radius_of(radius, count, place).unwrap_or(0),
        buckets: Vec::new(),
        before: Vec::new(),
    };
    (0..count).filter(|&place| radius_of(radius, count, place).is_some()).map(chunk).collect()
}

/// In how many bits a hash may differ in this chunk: the first ones allow for what is left over. If it differs in more in
/// each of these, it differs in more than `radius` in all. None for a chunk that need not be looked at.
fn radius_of(radius: u32, count: u32, place: u32) -> Option<u32> {
    let (each, over) = (radius / count, radius % count);
    if place <= over { Some(each) } else { each.checked_sub(1) }
}

/// What a look-up among many hashes costs with so many chunks, in hashes of a scan.
fn cost(bits: u32, radius: u32, count: u32) -> f64 {
    let one = |place: u32| {
        let width = bits / count + u32::from(place < bits % count);
        let Some(near) = radius_of(radius, count, place) else { return 0.0 };
        let values = (0..=near).fold((1.0, 0.0), |(choose, sum), taken| {
            (choose * f64::from(width.saturating_sub(taken)) / f64::from(taken + 1), sum + choose)
        });
        values.1 * (PROBE + VISIT * MANY / (f64::from(width) * TELLING).exp2())
    };
    (0..count).map(one).sum()
}

/// All values that differ from this one in at most so many bits, each once.
fn around(value: u64, width: usize, radius: u32, from: usize, visit: &mut impl FnMut(u64)) {
    visit(value);
    if radius > 0 {
        for bit in from..width {
            around(value ^ (1 << bit), width, radius - 1, bit + 1, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn random(chance: &Chance, bits: u32) -> PictureHash {
        PictureHash::new(std::array::from_fn(|_| chance.next()), bits)
    }

    /// Another in so many of its bits at most, those of the lower half only: buckets fill up.
    fn changed(chance: &Chance, hash: &PictureHash, bits: u64) -> PictureHash {
        let mut words = *hash.words();
        for _ in 0..chance.below(bits + 1) {
            let bit = chance.below(u64::from(hash.bits().div_ceil(2)));
            words[(bit / 64) as usize] ^= 1 << (bit % 64);
        }
        PictureHash::new(words, hash.bits())
    }

    #[test]
    fn finds_what_a_scan_finds() {
        let chance = Chance::new(7);
        let (mut found, mut by_tables) = (0, 0);
        for (bits, similarity) in
            [(64, 0.95), (224, 0.95), (224, 0.98), (224, 0.9), (64, 0.8), (64, 1.0), (100, 0.93), (256, 0.5), (9, 0.7)]
        {
            let mut index = Index::new(bits, similarity);
            let seeds: Vec<_> = (0..8).map(|_| random(&chance, bits)).collect();
            for i in 0..1_500 {
                let seed = &seeds[chance.below(8) as usize];
                let asked = changed(&chance, seed, u64::from(index.radius()) * 2 + 2);
                assert_eq!(index.nearest(&asked), index.nearest_by_scan(&asked), "{bits} bits at {similarity}");
                found += u32::from(index.nearest(&asked).is_some());
                if let Some(heads) = index.heads(asked.words(), 10_000.0) {
                    by_tables += 1;
                    assert_eq!(index.nearest_in(heads, &asked), index.nearest_by_scan(&asked), "{bits} by tables");
                }
                index.insert(&if i % 3 == 0 { random(&chance, bits) } else { asked }, Duration::from_secs(1_500 - i));
            }
        }
        assert!(found > 2_000 && by_tables > 2_000, "the test saw both: {found} found, {by_tables} by tables");
    }

    #[test]
    fn what_was_removed_is_not_found_and_what_stays_is() {
        let chance = Chance::new(3);
        let mut index = Index::new(224, 0.95);
        let hashes: Vec<_> = (0..500).map(|_| random(&chance, 224)).collect();
        for (hash, second) in hashes.iter().zip(0..) {
            index.insert(hash, Duration::from_secs(second));
        }
        let before = index.heap_bytes();
        // Past the half, where those that stay are put in anew.
        for second in (0..500).filter(|second| second % 8 != 0) {
            assert!(index.remove(Duration::from_secs(second)));
            assert!(!index.remove(Duration::from_secs(second)), "it is gone already");
        }
        assert_eq!(index.len(), 63);
        assert!(index.heap_bytes() < before / 2, "{} of {before}", index.heap_bytes());
        for (hash, second) in hashes.iter().zip(0..) {
            let there = (second % 8 == 0).then_some((Duration::from_secs(second), 0));
            assert_eq!((index.nearest(hash), index.nearest_by_scan(hash)), (there, there), "{second}");
        }
        index.insert(&hashes[1], Duration::from_secs(900));
        assert_eq!(index.nearest(&hashes[1]), Some((Duration::from_secs(900), 0)));
        assert!(!index.remove(Duration::MAX));
    }

    #[test]
    fn of_equals_the_earliest_is_the_original() {
        let mut index = Index::new(64, 0.95);
        for at in [5, 3, 9] {
            index.insert(&PictureHash::new([1, 0, 0, 0], 64), Duration::from_secs(at));
        }
        assert_eq!(index.nearest(&PictureHash::new([3, 0, 0, 0], 64)), Some((Duration::from_secs(3), 1)));
    }

    #[test]
    fn the_least_similarity_is_found_and_the_next_is_not() {
        let mut index = Index::new(20, 0.95);
        index.insert(&PictureHash::new([0, 0, 0, 0], 20), Duration::ZERO);
        assert_eq!(index.radius(), 1);
        assert!(index.nearest(&PictureHash::new([1, 0, 0, 0], 20)).is_some());
        assert!(index.nearest(&PictureHash::new([3, 0, 0, 0], 20)).is_none());
        assert!(index.nearest(&PictureHash::new([0, 0, 0, 0], 21)).is_none(), "a hash of another kind");
    }

    #[test]
    fn a_crowd_in_one_bucket_is_scanned_once() {
        let mut index = Index::new(224, 0.95);
        for i in 0..2_000_u64 {
            index.insert(&PictureHash::new([i << 40, 0, 0, 0], 224), Duration::from_secs(i));
        }
        let asked = PictureHash::new([0, 0, 0, 0], 224);
        assert!(index.heads(asked.words(), 2_064.0).is_none(), "every bucket holds half of them, or all");
        assert_eq!(index.nearest(&asked), Some((Duration::ZERO, 0)));
    }
}
