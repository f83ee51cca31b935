//! How long a model's vectors are: as said, or as most of its answers are.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::failure::Fault;
use super::name::Digest;

/// So many texts of the same length settle it, if there are fewer of any other.
const ENOUGH: usize = 2;
/// How many lengths are told apart while nothing is settled, and how many texts of each are remembered.
const LENGTHS: usize = 8;
const TEXTS: usize = 16;

/// How long the vectors of a model are.
///
/// One wrong vector must not make all right ones wrong. So a length is settled only when the model has given it for two
/// texts, and for more than any other; until then the one that leads is expected, and of two that lead the one that was
/// expected before.
#[derive(Debug)]
pub(super) struct Dimensions {
    said: Option<usize>,
    /// 0 as long as nobody knows.
    expected: AtomicUsize,
    votes: Mutex<Votes>,
}

/// For which texts which length was given.
#[derive(Debug, Default)]
struct Votes {
    of: Vec<(usize, Vec<Digest>)>,
    settled: bool,
}

impl Dimensions {
    pub(super) fn new(said: Option<usize>) -> Self {
        let votes = Votes { of: Vec::new(), settled: said.is_some() };
        Self { said, expected: AtomicUsize::new(said.unwrap_or(0)), votes: Mutex::new(votes) }
    }

    pub(super) fn known(&self) -> Option<usize> {
        Some(self.expected.load(Ordering::Acquire)).filter(|known| *known > 0)
    }

    /// Is a vector of this length one of this model, as far as that is known?
    pub(super) fn check(&self, given: usize) -> Result<(), Fault> {
        match self.known() {
            Some(expected) if expected != given => Err(Fault::Length { expected, given }),
            _ => Ok(()),
        }
    }

    /// The same for a vector that was kept. Somebody believed it: that counts as long as nothing else is known.
    pub(super) fn check_kept(&self, text: Digest, given: usize) -> Result<(), Fault> {
        if self.known().is_none() {
            let mut votes = self.votes.lock();
            if votes.of.is_empty() {
                votes.add(text, given);
                self.decide(&mut votes);
            }
        }
        self.check(given)
    }

    /// Which vectors of a batch that the model answered are of this model?
    pub(super) fn judge(&self, batch: &[(Digest, usize)]) -> Vec<Result<(), Fault>> {
        let mut votes = self.votes.lock();
        if !votes.settled {
            batch.iter().for_each(|(text, given)| votes.add(*text, *given));
            self.decide(&mut votes);
        }
        let one = |given: usize| match votes.rival_of(given) {
            Some(other) if self.known().is_none() => Err(Fault::Unsettled { given, other }),
            _ => self.check(given),
        };
        batch.iter().map(|(_, given)| one(*given)).collect()
    }

    /// All vectors are forgotten: what they were like says nothing any more.
    pub(super) fn forget(&self) {
        let mut votes = self.votes.lock();
        *votes = Votes { of: Vec::new(), settled: self.said.is_some() };
        self.expected.store(self.said.unwrap_or(0), Ordering::Release);
    }

    fn decide(&self, votes: &mut Votes) {
        let most = votes.of.iter().map(|(_, texts)| texts.len()).max().unwrap_or(0);
        let mut leading = votes.of.iter().filter(|(_, texts)| texts.len() == most).map(|(length, _)| *length);
        if let (Some(leader), None) = (leading.next(), leading.next()) {
            self.expected.store(leader, Ordering::Release);
            if most >= ENOUGH {
                *votes = Votes { of: Vec::new(), settled: true };
            }
        }
        votes.of.truncate(LENGTHS);
        votes.of.iter_mut().for_each(|(_, texts)| texts.truncate(TEXTS));
    }
}

impl Votes {
    /// A text counts once, with what was given for it last: a text that always goes wrong does not count more often
    /// because it is asked for again.
    fn add(&mut self, text: Digest, given: usize) {
        for (_, texts) in &mut self.of {
            texts.retain(|other| *other != text);
        }
        match self.of.iter_mut().find(|(length, _)| *length == given) {
            Some((_, texts)) => texts.push(text),
            None => self.of.push((given, vec![text])),
        }
        self.of.retain(|(_, texts)| !texts.is_empty());
    }

    /// Another length that was given as often at least.
    fn rival_of(&self, given: usize) -> Option<usize> {
        let votes = |length: usize| self.of.iter().find(|(of, _)| *of == length).map_or(0, |(_, texts)| texts.len());
        let others = self.of.iter().filter(|(length, _)| *length != given);
        others
            .max_by_key(|(_, texts)| texts.len())
            .map(|(length, _)| *length)
            .filter(|other| votes(*other) >= votes(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Secret;

    fn text(number: usize) -> Digest {
        Digest::of(Secret::default(), &number.to_string())
    }

    /// What becomes of a batch of new texts with vectors of these lengths.
    fn batch(dimensions: &Dimensions, from: usize, lengths: &[usize]) -> Vec<Option<Fault>> {
        let all: Vec<_> = lengths.iter().enumerate().map(|(i, length)| (text(from + i), *length)).collect();
        dimensions.judge(&all).into_iter().map(Result::err).collect()
    }

    const fn length(expected: usize, given: usize) -> Option<Fault> {
        Some(Fault::Length { expected, given })
    }

    #[test]
    fn most_of_a_batch_decide_wherever_the_odd_one_stands() {
        for odd in 0..3 {
            let dimensions = Dimensions::new(None);
            let lengths: Vec<usize> = (0..3).map(|i| if i == odd { 7 } else { 8 }).collect();
            let told = batch(&dimensions, 0, &lengths);
            assert!((0..3).all(|i| told[i] == if i == odd { length(8, 7) } else { None }));
            assert_eq!(dimensions.known(), Some(8));
        }
    }

    #[test]
    fn where_none_is_in_the_majority_none_is_believed() {
        let dimensions = Dimensions::new(None);
        let of = |given, other| Some(Fault::Unsettled { given, other });
        assert_eq!(batch(&dimensions, 0, &[7, 8]), [of(7, 8), of(8, 7)]);
        assert_eq!(dimensions.known(), None);
        assert_eq!((batch(&dimensions, 2, &[8]), dimensions.known()), (vec![None], Some(8)));
    }

    #[test]
    fn a_first_one_that_is_wrong_is_outvoted() {
        let dimensions = Dimensions::new(None);
        assert_eq!(batch(&dimensions, 0, &[7]), [None], "nobody can know yet");
        // The same text again does not count again.
        assert_eq!(batch(&dimensions, 0, &[7]), [None]);
        assert_eq!(batch(&dimensions, 1, &[8]), [length(7, 8)]);
        assert_eq!(batch(&dimensions, 2, &[8]), [None]);
        assert_eq!(batch(&dimensions, 3, &[7, 7, 7]), [length(8, 7); 3], "it is settled");
    }

    #[test]
    fn what_was_kept_counts_as_long_as_nothing_else_is_known() {
        let dimensions = Dimensions::new(None);
        assert_eq!(dimensions.check_kept(text(0), 7), Ok(()));
        assert_eq!(dimensions.check_kept(text(1), 8).err(), length(7, 8));
        assert_eq!(batch(&dimensions, 2, &[8]), [length(7, 8)], "one against one");
        assert_eq!(batch(&dimensions, 3, &[8]), [None]);
        assert_eq!(dimensions.check_kept(text(0), 7).err(), length(8, 7));
        dimensions.forget();
        assert_eq!(dimensions.known(), None);
        assert_eq!(batch(&dimensions, 9, &[9]), [None]);
    }

    #[test]
    fn what_was_said_decides() {
        let dimensions = Dimensions::new(Some(8));
        assert_eq!(batch(&dimensions, 0, &[7, 7, 7]), [length(8, 7); 3]);
        dimensions.forget();
        assert_eq!((dimensions.known(), dimensions.check_kept(text(0), 7).err()), (Some(8), length(8, 7)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let dimensions = Dimensions::new(None);
        let lengths: Vec<usize> = (0..1_000).map(|i| 1 + i / 2 % 100).collect();
        batch(&dimensions, 0, &lengths);
        let votes = dimensions.votes.lock();
        assert!(votes.of.len() <= LENGTHS && votes.of.iter().all(|(_, texts)| texts.len() <= TEXTS));
    }
}
