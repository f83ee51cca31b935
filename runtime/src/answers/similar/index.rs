//! Where questions lie: all of one scope, searched one by one.

use super::vector::cosine;

/// Of so many answers that are near enough one is looked for; the others are likely gone as well.
const NEAREST: usize = 3;

/// What a question takes beside its vector, about.
const BESIDE: usize = 128;

/// The questions of one scope: requests that differ in their last message alone.
///
/// Slots are filled from the first on; a full index gives up the slot that was filled longest ago.
#[derive(Debug, Default)]
pub(super) struct Index {
    dimensions: usize,
    /// All slots' vectors, one after the other.
    vectors: Vec<f32>,
    /// The hashes that name the questions' answers; none in a slot that is free.
    answers: Vec<Option<Box<str>>>,
    free: Vec<usize>,
    next: usize,
}

/// What is kept of a slot: the hash that names the answer, and the vector.
pub(super) type Kept = (Box<str>, Vec<f32>);

/// A question that is near.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Near {
    pub(super) answer: Box<str>,
    pub(super) similarity: f32,
}

impl Index {
    /// The nearest questions, nearest first, that are at least so similar.
    ///
    /// Looks at all: 10,000 vectors of 1,536 numbers take some 10 ms, a small part of the time in which their vector was
    /// made, and no index that skips some has to be tuned or kept in order.
    pub(super) fn nearest(&self, vector: &[f32], threshold: f32) -> Vec<Near> {
        if vector.len() != self.dimensions {
            return Vec::new();
        }
        let mut near: Vec<(usize, f32)> = Vec::new();
        for (slot, other) in self.vectors.chunks_exact(self.dimensions.max(1)).enumerate() {
            let similarity = cosine(vector, other);
            if similarity >= threshold && self.answers[slot].is_some() {
                let at = near.partition_point(|(_, before)| *before >= similarity);
                near.insert(at, (slot, similarity));
                near.truncate(NEAREST);
            }
        }
        let of = |(slot, similarity): (usize, f32)| Some(Near { answer: self.answers[slot].clone()?, similarity });
        near.into_iter().filter_map(of).collect()
    }

    /// Adds a question, or moves it; the slot that it took. With no room for one more, the oldest goes.
    pub(super) fn insert(&mut self, vector: &[f32], answer: &str, most: usize) -> usize {
        if vector.len() != self.dimensions {
            // Another way of making vectors: what is there cannot be compared with it.
            *self = Self { dimensions: vector.len(), ..Self::default() };
        }
        let slot = self.slot_for(answer, most.max(1));
        let place = slot * self.dimensions;
        self.vectors[place..place + self.dimensions].copy_from_slice(vector);
        self.answers[slot] = Some(answer.into());
        slot
    }

    fn slot_for(&mut self, answer: &str, most: usize) -> usize {
        if let Some(slot) = self.slot_of(answer) {
            return slot;
        }
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        if self.answers.len() < most {
            self.answers.push(None);
            self.vectors.resize(self.answers.len() * self.dimensions, 0.0);
            return self.answers.len() - 1;
        }
        let slot = self.next % self.answers.len();
        self.next = slot + 1;
        slot
    }

    fn slot_of(&self, answer: &str) -> Option<usize> {
        self.answers.iter().position(|name| name.as_deref() == Some(answer))
    }

    /// The answer is gone.
    pub(super) fn remove(&mut self, answer: &str) {
        if let Some(slot) = self.slot_of(answer) {
            self.answers[slot] = None;
            self.free.push(slot);
        }
    }

    /// Puts back what was kept of some slots, as far as there is room, in slots and in bytes. Those of other dimensions
    /// than the first are left out.
    pub(super) fn restore(&mut self, at: usize, slots: Vec<Option<Kept>>, most: usize, max_bytes: usize) {
        for (i, kept) in slots.into_iter().enumerate() {
            let slot = at + i;
            let dimensions = kept.as_ref().map_or(0, |(_, vector)| vector.len());
            let of = if self.dimensions == 0 { dimensions } else { self.dimensions };
            if slot >= most || (slot + 1).saturating_mul(Self::bytes_of(of)) > max_bytes {
                return;
            }
            self.dimensions = of;
            while self.answers.len() <= slot {
                self.free.push(self.answers.len());
                self.answers.push(None);
            }
            self.vectors.resize(self.answers.len() * self.dimensions, 0.0);
            if let Some((answer, vector)) = kept
                && dimensions == self.dimensions
                && self.answers[slot].is_none()
            {
                self.vectors[slot * dimensions..][..dimensions].copy_from_slice(&vector);
                self.answers[slot] = Some(answer);
                self.free.retain(|free| *free != slot);
            }
        }
    }

    /// Some slots, to be kept.
    pub(super) fn slots(&self, at: usize, many: usize) -> Vec<Option<Kept>> {
        let end = (at + many).min(self.answers.len());
        let slot = |slot: usize| {
            let vector = &self.vectors[slot * self.dimensions..][..self.dimensions];
            self.answers[slot].clone().map(|answer| (answer, vector.to_vec()))
        };
        (at.min(end)..end).map(slot).collect()
    }

    /// How many questions it knows.
    pub(super) fn len(&self) -> usize {
        self.answers.len() - self.free.len()
    }

    /// How many slots it has.
    #[cfg(test)]
    fn room(&self) -> usize {
        self.answers.len()
    }

    /// What it takes in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.answers.len() * Self::bytes_of(self.dimensions)
    }

    /// What a question of so many dimensions takes.
    pub(super) const fn bytes_of(dimensions: usize) -> usize {
        dimensions * size_of::<f32>() + BESIDE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 10_000;

    fn unit(angle: f32) -> Vec<f32> {
        vec![angle.cos(), angle.sin()]
    }

    fn names(index: &Index, angle: f32) -> Vec<String> {
        index.nearest(&unit(angle), 0.9).into_iter().map(|near| near.answer.into()).collect()
    }

    #[test]
    fn the_nearest_come_first_and_only_those_that_are_near_enough() {
        let mut index = Index::default();
        for (angle, name) in [(0.0, "a"), (0.1, "b"), (0.2, "c"), (0.05, "d"), (2.0, "far")] {
            index.insert(&unit(angle), name, 10);
        }
        assert_eq!(names(&index, 0.06), ["d", "b", "a"]);
        assert_eq!(names(&index, 1.0), [""; 0]);
        index.remove("d");
        assert_eq!(names(&index, 0.06), ["b", "a", "c"]);
        index.insert(&unit(0.06), "e", 10);
        assert_eq!((index.len(), index.room()), (5, 5), "the free slot is taken again");
    }

    #[test]
    fn a_full_index_gives_up_the_oldest() {
        let mut index = Index::default();
        for i in 0_u8..7 {
            index.insert(&unit(f32::from(i)), &i.to_string(), 3);
        }
        assert_eq!(index.len(), 3);
        assert!(names(&index, 6.0) == ["6"] && names(&index, 4.0) == ["4"] && names(&index, 3.0).is_empty());
        index.insert(&unit(2.0), "6", 3);
        assert!(names(&index, 2.0) == ["6"] && index.len() == 3, "who is there is moved");
    }

    #[test]
    fn vectors_of_another_make_begin_anew() {
        let mut index = Index::default();
        index.insert(&unit(0.0), "a", 3);
        assert!(index.nearest(&[1.0, 0.0, 0.0], 0.0).is_empty());
        index.insert(&[1.0, 0.0, 0.0], "b", 3);
        assert_eq!((index.len(), names(&index, 0.0).len()), (1, 0));
    }

    #[test]
    fn what_was_kept_comes_back_to_its_slots() {
        let mut index = Index::default();
        (0_u8..5).for_each(|i| {
            index.insert(&unit(f32::from(i)), &i.to_string(), 10);
        });
        index.remove("1");
        let mut back = Index::default();
        // The second page was lost, and the last one is of another make.
        back.restore(0, index.slots(0, 2), 10, ROOM);
        back.restore(4, index.slots(4, 2), 10, ROOM);
        back.restore(6, vec![Some(("x".into(), vec![1.0; 3]))], 10, ROOM);
        assert_eq!((back.len(), back.room()), (2, 7));
        assert_eq!((names(&back, 0.0), names(&back, 4.0)), (vec!["0".to_owned()], vec!["4".to_owned()]));
        assert!(names(&back, 1.0).is_empty() && names(&back, 2.0).is_empty());
        assert_eq!(back.insert(&unit(2.0), "2", 10), 6, "a free slot");
        back.restore(9, index.slots(0, 3), 10, ROOM);
        assert_eq!(back.room(), 10, "no more than there is room for");
        let mut small = Index::default();
        small.restore(0, index.slots(0, 5), 10, 3 * Index::bytes_of(2));
        assert_eq!(small.room(), 3);
        let mut empty = Index::default();
        empty.restore(9, vec![Some(("x".into(), vec![1.0; 100_000]))], 10, ROOM);
        assert_eq!(empty.room(), 0, "whoever wrote that");
    }
}
