//! The way from the last key to what is likely next, and what of it is worth loading.

use super::classes::{Class, Order, Trust};
use super::hash::{Context, Id};
use super::pairs::NEXT;
use super::sessions::{Guess, Open, Session, Step};
use super::{Ahead, Predictor, Tally};

/// Less sure than this is not even written down.
const LEAST: f32 = 0.125;

/// Of guesses on evidence that is refuted one in so many is written down, to see whether it still is.
const LOOKED_AT: u32 = 8;

/// One look ahead of one session.
pub(super) struct Walk<'a, K, H> {
    pub(super) predictor: &'a Predictor<K>,
    pub(super) session: &'a mut Session,
    /// Is a key there, or on its way?
    pub(super) has: H,
    /// The key last found there, or unknown: mostly both orders guess the same.
    pub(super) there: Option<Id>,
    /// What is given out.
    pub(super) ahead: Vec<Ahead<K>>,
}

/// A place on the way: the last two keys there, how far it is from the session, and how sure.
#[derive(Debug, Clone, Copy)]
struct At {
    before: Id,
    last: Id,
    step: usize,
    confidence: f32,
}

impl<K: Clone, H: Fn(u64, &K) -> bool> Walk<'_, K, H> {
    /// Looks at what comes next, and goes on from where the last walk ended until it is as far ahead as it should be or
    /// no longer sure. Gives what is to be loaded.
    pub(super) fn go(mut self) -> Vec<Ahead<K>> {
        self.first_step();
        if !self.session.path.is_empty() {
            self.second_thoughts();
            self.farther();
        }
        self.ahead
    }

    /// The very next key is looked at each time: nothing is as sure. If it is not the one that the path begins with, the
    /// path begins anew.
    fn first_step(&mut self) {
        let at = At { before: self.session.before, last: self.session.last, step: 0, confidence: 1.0 };
        let best = self.step(at);
        let session = &mut *self.session;
        match (session.path.front_mut(), best) {
            (Some(first), Some(best)) if first.guess.id == best.guess.id => *first = best,
            (None, None) => {}
            _ => {
                session.path.clear();
                session.path.extend(best);
                session.dead_end = best.is_none();
            }
        }
    }

    /// What was too far away to be trusted may be near enough now.
    fn second_thoughts(&mut self) {
        let mut confidence = 1.0;
        for place in 0..self.session.path.len() {
            let Step { guess, waits } = self.session.path[place];
            confidence *= guess.confidence;
            if place > 0 && waits {
                self.session.path[place].waits = self.consider(guess, place, confidence);
            }
        }
    }

    fn farther(&mut self) {
        let far = self.predictor.tally.ahead();
        let mut confidence: f32 = self.session.path.iter().map(|step| step.guess.confidence).product();
        while !self.session.dead_end && self.session.path.len() < far && confidence >= LEAST {
            let (before, last) = self.session.end_of_path();
            match self.step(At { before, last, step: self.session.path.len(), confidence }) {
                Some(best) => {
                    self.session.path.push_back(best);
                    confidence *= best.guess.confidence;
                }
                None => self.session.dead_end = true,
            }
        }
    }

    /// Considers all that may come after this place. Gives the likeliest, if the path may follow it.
    fn step(&mut self, at: At) -> Option<Step> {
        let mut best: Option<Step> = None;
        for order in Order::BOTH {
            let on = self.predictor.switches[order as usize].is_on();
            let Some(context) = Self::context(order, at, on) else { continue };
            for guess in self.guesses(order, context, at.confidence).into_iter().flatten() {
                let waits = self.consider(guess, at.step, at.confidence * guess.confidence);
                if on && best.is_none_or(|best| best.guess.confidence < guess.confidence) {
                    best = Some(Step { guess, waits });
                }
            }
        }
        best
    }

    /// What an order goes by. One that is off looks one step far, from a few contexts.
    fn context(order: Order, at: At, on: bool) -> Option<Context> {
        let context = match order {
            Order::One => Context::one(at.last),
            Order::Two => Context::two(at.before, at.last),
        };
        (on || (at.step == 0 && context.is_sampled())).then_some(context)
    }

    /// What followed often enough, if the way there is so sure.
    fn guesses(&self, order: Order, context: Context, sure: f32) -> [Option<Guess>; NEXT] {
        self.predictor.pairs.after(context).map(|pair| {
            let pair = pair?;
            let confidence = pair.part();
            let enough = pair.count >= self.predictor.limits.seen && confidence * sure >= LEAST;
            enough.then_some(Guess { id: pair.next, order, count: pair.count, confidence })
        })
    }

    /// Writes a guess down, and gives it out if its evidence is trusted. Says whether it waits for that.
    fn consider(&mut self, guess: Guess, step: usize, confidence: f32) -> bool {
        if guess.id == self.session.last || self.there == Some(guess.id) {
            return false;
        }
        let class = Class::new(guess.order, step, guess.count, confidence);
        let trust = self.predictor.classes.trust(class, self.predictor.limits.precision);
        if trust == Trust::Refuted && !(guess.id ^ self.session.clock).is_multiple_of(LOOKED_AT) {
            return true;
        }
        let trusted = trust == Trust::Proved;
        let wanted = trusted && self.predictor.switches[guess.order as usize].is_on();
        let Some(open) = self.written_down(guess.id, wanted) else { return false };
        open.note(guess.order, class, trusted);
        !open.issued
    }

    /// The prediction of a key: the one that is open, or a new one unless the key is there. Given out if it is wanted.
    fn written_down(&mut self, id: Id, wanted: bool) -> Option<&mut Open> {
        let known = self.session.open.iter().position(|open| open.id == id);
        let mut issued = false;
        if known.is_none_or(|place| wanted && !self.session.open[place].issued) {
            let key = self.absent(id, wanted)?;
            issued = key.is_some();
            self.ahead.extend(key);
        }
        let place = known.unwrap_or_else(|| self.open(id));
        let open = self.session.open.get_mut(place)?;
        if issued {
            open.issued = true;
            Tally::add(&self.predictor.tally.issued);
        }
        Some(open)
    }

    /// Is this a key that is known and not there? Then itself, if it is wanted.
    #[allow(clippy::option_option, reason = "absent or not, and wanted or not")]
    fn absent(&mut self, id: Id, wanted: bool) -> Option<Option<Ahead<K>>> {
        let look = |hash, key: &K| {
            let absent = !(self.has)(hash, key);
            absent.then(|| wanted.then(|| Ahead { hash, key: key.clone() }))
        };
        let found = self.predictor.keys.with(id, look).flatten();
        if found.is_none() {
            self.there = Some(id);
        }
        found
    }

    /// A new prediction, to be judged within the window. Gives its place.
    fn open(&mut self, id: Id) -> usize {
        let until = self.session.clock.wrapping_add(self.predictor.limits.window).wrapping_add(1);
        let new = Open { id, until, far: [None; 2], near: [None; 2], credit: None, issued: false };
        if let Some(oldest) = self.session.push(new) {
            self.predictor.never_asked_for(&oldest);
        }
        self.session.open.len() - 1
    }
}
