//! Pages of many writers as few pages of one.

use std::collections::{HashMap, HashSet};

use super::page::{Duplicate, Original, PAGE, Page};
use crate::clock::Millis;
use crate::group::Position;

/// The same pictures on few pages, each once, without what is void. A page is fresh for as long as the page that ends
/// first of those
/// it was made of; pages whose ends are further apart than this are not put together, so that none loses more.
pub(super) fn folded(pages: &[(Page, Millis)], apart: Millis) -> Vec<(Page, Millis)> {
    let mut rounds: HashMap<u64, u32> = HashMap::new();
    for forgotten in pages.iter().flat_map(|(page, _)| page.voids()) {
        let round = rounds.entry(forgotten.at).or_default();
        *round = forgotten.round.max(*round);
    }
    let stands = |at: u64, round: u32| rounds.get(&at).is_none_or(|least| round >= *least);
    let originals = || pages.iter().flat_map(|(page, _)| &page.originals);
    let standing: HashSet<_> = originals().map(|one| (one.at, one.round)).filter(|one| stands(one.0, one.1)).collect();
    let refers = |one: &Duplicate| standing.contains(&(one.original, one.original_round));
    let mut once = Once::default();
    let mut sorted: Vec<&(Page, Millis)> = pages.iter().collect();
    sorted.sort_by_key(|(_, until)| *until);
    let mut out = Folded::default();
    for &(ref page, until) in sorted {
        if until.saturating_sub(out.first) > apart {
            out.turn_over();
            out.first = until;
        }
        for original in page.originals.iter().filter(|one| stands(one.at, one.round)) {
            if once.originals.insert(*original) {
                out.put(until, |to| to.originals.push(*original));
            }
        }
        for duplicate in page.duplicates.iter().filter(|one| stands(one.at, one.round) && refers(one)) {
            if once.duplicates.insert(*duplicate) {
                out.put(until, |to| to.duplicates.push(*duplicate));
            }
        }
        for forgotten in page.forgotten.iter().filter(|one| stands(one.at, one.round)) {
            if once.forgotten.insert(forgotten.at) && !standing.contains(&(forgotten.at, forgotten.round)) {
                out.put(until, |to| to.forgotten.push(*forgotten));
            }
        }
    }
    out.turn_over();
    out.pages
}

/// What was put on a page.
#[derive(Default)]
struct Once {
    originals: HashSet<Original>,
    duplicates: HashSet<Duplicate>,
    forgotten: HashSet<u64>,
}

#[derive(Default)]
struct Folded {
    pages: Vec<(Page, Millis)>,
    at_hand: Page,
    /// When the page at hand ends: with the first that was put on it, for they come in that order.
    until: Millis,
    /// When the first of these that may be put together ends.
    first: Millis,
}

impl Folded {
    fn put(&mut self, until: Millis, put: impl FnOnce(&mut Page)) {
        if self.at_hand.len() == 0 {
            self.until = until;
        }
        put(&mut self.at_hand);
        if self.at_hand.len() >= PAGE {
            self.turn_over();
        }
    }

    fn turn_over(&mut self) {
        if self.at_hand.len() > 0 {
            self.pages.push((std::mem::take(&mut self.at_hand), self.until));
        }
    }
}

/// The older of two places in the shared log; nowhere if they are of different ones.
pub(super) fn older(one: Position, other: Position) -> Position {
    if one.epoch != other.epoch {
        return Position::NOWHERE;
    }
    if one.number <= other.number { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::super::page::{Duplicate, Forgotten, Original};
    use super::*;

    fn page(from: u64, many: u64) -> Page {
        let original = |at| Original { at, hash: [at; 4], round: 0 };
        Page { originals: (from..from + many).map(original).collect(), ..Page::default() }
    }

    #[test]
    fn no_page_lives_longer_than_what_it_was_made_of_nor_much_shorter() {
        let pages: Vec<_> = (0..100).map(|i| (page(i * 10, 10), 1_000 + (i * 37 % 100) * 10)).collect();
        let until_of = |at: u64| pages[(at / 10) as usize].1;
        let folded = folded(&pages, 125);
        assert_eq!(folded.iter().map(|(page, _)| page.len()).sum::<usize>(), 1_000);
        assert!(folded.len() <= 1_000 / PAGE + 9, "{} pages", folded.len());
        for (page, until) in folded {
            assert!(page.len() <= PAGE);
            for original in page.originals {
                let before = until_of(original.at);
                assert!((before - 125..=before).contains(&until), "{until} of {before}");
            }
        }
    }

    #[test]
    fn what_was_forgotten_is_not_carried_on_and_that_it_was_is() {
        let mut one = page(1, 3);
        one.duplicates.push(Duplicate { at: 9, round: 0, original: 1, original_round: 0, bytes: 5 });
        one.duplicates.push(Duplicate { at: 8, round: 0, original: 2, original_round: 0, bytes: 5 });
        one.duplicates.push(Duplicate { at: 7, round: 0, original: 2, original_round: 1, bytes: 5 });
        let void = [Forgotten { at: 2, round: 1 }, Forgotten { at: 9, round: 2 }, Forgotten { at: 9, round: 1 }];
        let again = Original { at: 2, hash: [7; 4], round: 1 };
        let other = Page { originals: vec![again], forgotten: void.to_vec(), ..Page::default() };
        let folded = folded(&[(other.clone(), 20), (one, 10), (other, 20)], 100);
        let [(page, until)] = &folded[..] else { panic!("one page: {folded:?}") };
        assert_eq!(page.originals.iter().map(|original| original.at).collect::<Vec<_>>(), [1, 3, 2]);
        assert_eq!((page.originals[2], page.duplicates[0].at, page.duplicates.len(), *until), (again, 7, 1, 10));
        assert_eq!(page.forgotten, void[1..2], "the other one is told by its round");
    }
}
