//! What followed what: a fixed table without locks, one word for a pair, one cache line for a context.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::door::Door;
use super::hash::{Context, Id, mix};

/// Pairs of one cache line.
const WAYS: usize = 8;
/// Successors of one context.
pub(super) const NEXT: usize = 2;
/// A pair that came true is passed over so often before it gives its place away; a new one once.
const KEPT: u8 = 3;
/// The second sight of a pair is the first that is counted here.
const SECOND: u8 = 2;
/// Counts have seven bits. Past that, what is long ago counts half.
const MOST: u8 = 127;

/// The successors of contexts, bounded. Races lose an observation, nothing else.
#[derive(Debug)]
pub(super) struct Pairs {
    lines: Box<[Line]>,
    door: Door,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line([AtomicU64; WAYS]);

/// A pair: which key followed this context, how often, and of how many times since it was first counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    tag: u16,
    kept: u8,
    seen: u8,
    pub(super) count: u8,
    pub(super) next: Id,
}

/// Where a word has its count, and where its tag.
const COUNT: u64 = (MOST as u64) << 48;
const TAG: u32 = 32;

impl Pair {
    fn read(word: &AtomicU64) -> Self {
        Self::from_word(word.load(Relaxed))
    }

    /// The pair in this word if it is one of this context. No count, no pair.
    fn of(word: &AtomicU64, tag: u16) -> Option<Self> {
        let word = word.load(Relaxed);
        #[allow(clippy::cast_possible_truncation, reason = "the tag's bits")]
        let is_it = (word >> TAG) as u16 == tag && word & COUNT != 0;
        is_it.then(|| Self::from_word(word))
    }

    fn from_word(word: u64) -> Self {
        let [a, b, c, d, tag, gat, count, seen] = word.to_le_bytes();
        let kept = (count >> 7) << 1 | seen >> 7;
        let (next, tag) = (u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([tag, gat]));
        Self { tag, kept, seen: seen & MOST, count: count & MOST, next }
    }

    fn write(self, word: &AtomicU64) {
        let [a, b, c, d] = self.next.to_le_bytes();
        let [tag, gat] = self.tag.to_le_bytes();
        let (count, seen) = (self.count | (self.kept >> 1) << 7, self.seen | (self.kept & 1) << 7);
        word.store(u64::from_le_bytes([a, b, c, d, tag, gat, count, seen]), Relaxed);
    }

    /// Its context was there once more, and it came true or not.
    fn observe(&mut self, came_true: bool) {
        if self.seen == MOST {
            (self.seen, self.count) = (self.seen / 2, self.count / 2);
        }
        self.seen += 1;
        if came_true {
            (self.count, self.kept) = (self.count + 1, KEPT);
        }
    }

    /// How sure it is.
    pub(super) fn part(&self) -> f32 {
        f32::from(self.count) / f32::from(self.seen.max(1))
    }
}

impl Pairs {
    pub(super) fn new(pairs: usize) -> Self {
        Self { lines: (0..lines(pairs)).map(|_| Line::default()).collect(), door: Door::new(pairs) }
    }

    pub(super) const fn bytes(pairs: usize) -> usize {
        lines(pairs) * size_of::<Line>() + Door::bytes(pairs)
    }

    #[allow(clippy::cast_possible_truncation, reason = "any bits do")]
    fn line(&self, context: Context) -> (&Line, u16) {
        let hash = context.hash();
        (&self.lines[hash as usize & (self.lines.len() - 1)], (hash >> 48) as u16)
    }

    /// What followed this context so far.
    pub(super) fn after(&self, context: Context) -> [Option<Pair>; NEXT] {
        let (line, tag) = self.line(context);
        let mut found = line.0.iter().filter_map(|word| Pair::of(word, tag));
        [(); NEXT].map(|()| found.next())
    }

    /// This key came after this context. Gives how often it did, as far as that is remembered.
    pub(super) fn learn(&self, context: Context, next: Id) -> u8 {
        let (line, tag) = self.line(context);
        let known = line.observe(tag, next);
        if known > 0 {
            return known;
        }
        if !self.door.was_here(mix(context.hash() ^ u64::from(next))) {
            return 0;
        }
        line.place(Pair { tag, kept: 1, seen: SECOND, count: SECOND, next });
        SECOND
    }

    /// How many pairs are remembered. Looks at all of them.
    pub(super) fn len(&self) -> usize {
        self.lines.iter().flat_map(|line| &line.0).filter(|word| Pair::read(word).count > 0).count()
    }
}

impl Line {
    /// Counts for all pairs of a context. Gives the count of the one that came true.
    fn observe(&self, tag: u16, next: Id) -> u8 {
        let mut known = 0;
        for word in &self.0 {
            let Some(mut pair) = Pair::of(word, tag) else { continue };
            pair.observe(pair.next == next);
            pair.write(word);
            if pair.next == next {
                known = pair.count;
            }
        }
        known
    }

    /// In place of the rarest of its context if that has enough, or else of the pair that was of no use for longest.
    fn place(&self, new: Pair) {
        let of_context = || self.0.iter().filter(|word| Pair::of(word, new.tag).is_some());
        let place = if of_context().count() >= NEXT {
            of_context().min_by(|a, b| Pair::read(a).part().total_cmp(&Pair::read(b).part()))
        } else {
            self.give_way()
        };
        if let Some(place) = place {
            new.write(place);
        }
    }

    /// The place that is free, or was passed over most often. The others are passed over once more.
    fn give_way(&self) -> Option<&AtomicU64> {
        let passed = |word: &&AtomicU64| {
            let pair = Pair::read(word);
            (pair.kept, pair.count)
        };
        let place = self.0.iter().min_by_key(passed)?;
        let least = Pair::read(place).kept;
        for word in self.0.iter().filter(|_| least > 0) {
            let pair = Pair::read(word);
            Pair { kept: pair.kept.saturating_sub(least), ..pair }.write(word);
        }
        Some(place)
    }
}

const fn lines(pairs: usize) -> usize {
    pairs.div_ceil(WAYS).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &Pairs, context: Context, next: Id) -> Option<Pair> {
        pairs.after(context).into_iter().flatten().find(|pair| pair.next == next)
    }

    #[test]
    fn a_pair_is_a_word() {
        let word = AtomicU64::new(0);
        for kept in 0..=KEPT {
            let pair = Pair { tag: 0xABCD, kept, seen: 100, count: 99, next: 0x1234_5678 };
            pair.write(&word);
            assert_eq!(Pair::read(&word), pair);
        }
    }

    #[test]
    fn a_pair_that_was_seen_once_takes_no_room() {
        let pairs = Pairs::new(64);
        assert_eq!(pairs.learn(Context::one(1), 2), 0);
        assert_eq!(pairs.len(), 0);
        assert_eq!(pairs.learn(Context::one(1), 2), 2);
        assert_eq!(pairs.learn(Context::one(1), 2), 3);
        assert_eq!(pairs.len(), 1);
    }

    #[test]
    fn the_order_of_two_keys_counts() {
        assert_ne!(Context::two(1, 2), Context::two(2, 1));
        assert_ne!(Context::two(0, 2), Context::one(2));
    }

    #[test]
    fn what_follows_now_takes_the_place_of_what_followed_once() {
        let pairs = Pairs::new(64);
        let context = Context::one(1);
        for next in [2, 3, 4].repeat(3).into_iter().chain([5; 9]) {
            pairs.learn(context, next);
        }
        assert!(of(&pairs, context, 5).is_some_and(|pair| pair.count >= 8));
        assert_eq!(pairs.after(context).iter().flatten().count(), NEXT);
    }

    #[test]
    fn counts_stay_within_their_bits_and_keep_their_proportion() {
        let pairs = Pairs::new(64);
        let context = Context::one(1);
        for n in 0..10_000 {
            pairs.learn(context, if n % 4 == 0 { 3 } else { 2 });
        }
        let part = of(&pairs, context, 2).map_or(0.0, |pair| pair.part());
        assert!((0.7..0.8).contains(&part), "{part}");
    }

    #[test]
    fn noise_does_not_put_out_what_is_used() {
        let pairs = Pairs::new(256);
        for n in 0..10_000 {
            pairs.learn(Context::one(1), 2);
            pairs.learn(Context::one(1_000 + n), n);
            pairs.learn(Context::one(1_000 + n), n);
        }
        assert!(of(&pairs, Context::one(1), 2).is_some_and(|pair| pair.count > 3));
    }
}
