//! A shop whose customers follow recipes: traffic that is made up, for the promises of a predictor.

mod bounds;
mod outcomes;
mod promises;

use std::collections::{HashMap, HashSet, VecDeque};

use super::hash::mix;
use super::*;
use crate::chance::Chance;

/// A small cache before which a predictor stands: first in, first out, and loads that take some accesses.
struct Shop {
    predictor: Predictor<u64>,
    room: usize,
    delay: usize,
    /// Nothing that is loaded ahead arrives.
    fails: bool,
    there: HashSet<u64>,
    order: VecDeque<u64>,
    coming: HashMap<u64, usize>,
    now: usize,
    fetches: u64,
    asked: HashMap<u64, u32>,
}

impl Shop {
    fn new(limits: Limits, room: usize, delay: usize) -> Self {
        Self {
            predictor: Predictor::new(limits),
            room,
            delay,
            fails: false,
            there: HashSet::new(),
            order: VecDeque::new(),
            coming: HashMap::new(),
            now: 0,
            fetches: 0,
            asked: HashMap::new(),
        }
    }

    fn put(&mut self, key: u64) {
        if self.there.insert(key) {
            self.order.push_back(key);
        }
        if self.order.len() > self.room
            && let Some(oldest) = self.order.pop_front()
        {
            self.there.remove(&oldest);
        }
    }

    fn arrive(&mut self) {
        self.now += 1;
        let mut arrived: Vec<u64> =
            self.coming.iter().filter(|(_, at)| **at <= self.now).map(|(&key, _)| key).collect();
        arrived.sort_unstable();
        for key in arrived {
            self.coming.remove(&key);
            self.put(key);
        }
    }

    /// One access. Gives what was loaded ahead.
    fn ask(&mut self, session: u64, key: u64) -> Vec<u64> {
        self.arrive();
        *self.asked.entry(key).or_default() += 1;
        let how = match (self.there.contains(&key), self.coming.remove(&key)) {
            (true, _) => How::Hit,
            (_, Some(_)) => How::Joined,
            _ => How::Miss,
        };
        self.fetches += u64::from(how == How::Miss);
        self.put(key);
        let has = |_, key: &u64| self.there.contains(key) || self.coming.contains_key(key);
        let ahead = self.predictor.access(mix(session), mix(key), how, || key, has);
        for next in &ahead {
            assert_eq!(next.hash, mix(next.key));
            self.fetches += 1;
            match self.delay {
                _ if self.fails => {}
                0 => self.put(next.key),
                delay => drop(self.coming.insert(next.key, self.now + 1 + delay)),
            }
        }
        ahead.into_iter().map(|next| next.key).collect()
    }

    fn figures(&self) -> Figures {
        self.predictor.figures()
    }
}

fn small() -> Limits {
    Limits { pairs: 4_096, sessions: 64, ..Limits::default() }
}

/// One of some recipes: a few keys that are always asked for one after the other.
fn recipe(number: u64) -> impl Iterator<Item = u64> {
    (0..6).map(move |step| 1_000 + number * 10 + step)
}

/// Recipes one after the other, in any order.
fn cook(shop: &mut Shop, chance: &Chance, session: u64, recipes: u64) {
    for _ in 0..recipes {
        recipe(chance.below(40)).for_each(|key| drop(shop.ask(session, key)));
    }
}

fn noise(shop: &mut Shop, chance: &Chance, accesses: u64) {
    (0..accesses).for_each(|_| drop(shop.ask(1, 1_000_000 + chance.below(500))));
}

/// A shop that knows its recipes.
fn experienced(delay: usize) -> (Shop, Chance) {
    let (mut shop, chance) = (Shop::new(small(), 60, delay), Chance::new(7));
    cook(&mut shop, &chance, 1, 600);
    (shop, chance)
}
