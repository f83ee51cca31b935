//! Random schemas, questions and writes: what the cache answers is what the database answers.
//!
//! `CACHED_SEED` plays one world again, `CACHED_FULL` plays more of them, and `CACHED_SCHEMA` names what schemas hold
//! beside tables: `views,cascades`, `all`, or nothing.

mod beside;
mod shrunk;
mod world;

use std::hash::BuildHasher as _;
use std::ops::AddAssign;
use std::time::Instant;

use cached_runtime::statement::Backend;

use self::shrunk::Violation;
use self::world::{Ground, Question, World, Written};
use super::here::BACKEND;
use crate::random::Features;
use crate::random::dice::Dice;
use crate::random::query;
use crate::random::schema::Schema;
use crate::random::write::Step;
use crate::rig::figure;

const FULL: u64 = 10_000;
/// Of one schema.
const STEPS: u64 = 100;
/// Questions that are asked again and again.
const QUESTIONS: usize = 8;
/// How many of them after each step.
const ASKED: usize = 5;

/// What the runtime answers rightly of.
const SUPPORTED: &str = "functions,sequences,views,triggers,cascades,partitions,engines";

#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    steps: u64,
    writes: u64,
    refused_writes: u64,
    answers: u64,
    refused_answers: u64,
    hits: u64,
    /// Answers that were not the same as the last time.
    moved: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.writes += other.writes;
        self.refused_writes += other.refused_writes;
        self.answers += other.answers;
        self.refused_answers += other.refused_answers;
        self.hits += other.hits;
        self.moved += other.moved;
    }
}

fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn features() -> Features {
    Features::named(&given("CACHED_SCHEMA").unwrap_or_else(|| SUPPORTED.to_owned()))
}

/// One world from its first step to its last, or to the first wrong answer.
async fn play(ground: &mut Ground, seed: u64, written: Written) -> Result<Figures, Box<Violation>> {
    let mut dice = Dice::seeded(seed);
    let (mut world, name) = ground.world().await;
    let mut schema = Schema::random(&mut dice, BACKEND, &name, features());
    let refused = world.prepared(&schema.made_by).await;
    assert!(refused < schema.made_by.len(), "nothing was made of seed {seed}");
    let mut asking = Asking::new(&schema, &mut dice);
    let (mut figures, mut steps) = (Figures::default(), Vec::new());
    for _ in 0..STEPS {
        let step = Step::random(&schema, &mut dice);
        let meanwhile = asking.any(&mut dice).clone();
        let done = world.step(&step, written, Some(&meanwhile)).await;
        figures.steps += 1;
        figures.writes += done.len() as u64;
        figures.refused_writes += done.iter().filter(|done| !**done).count() as u64;
        if let (Step::One(deed), [true]) = (&step, &*done) {
            schema.changed(deed.change.clone());
        }
        steps.push(step);
        if let Err((asked, answers)) = asking.all(&mut world, &schema, &mut dice, &mut figures).await {
            let made_by = schema.made_by;
            return Err(Box::new(Violation { seed, made_by, steps, asked, answers }));
        }
    }
    Ok(figures)
}

/// The questions of a world, and what they were last answered.
struct Asking {
    questions: Vec<(Question, world::Answer)>,
    next: u64,
}

type Wrong = (crate::random::asked::Asked, (world::Answer, world::Answer));

impl Asking {
    fn new(schema: &Schema, dice: &mut Dice) -> Self {
        let mut asking = Self { questions: Vec::new(), next: 0 };
        for _ in 0..QUESTIONS {
            let question = asking.another(schema, dice);
            asking.questions.push((question, None));
        }
        asking
    }

    fn another(&mut self, schema: &Schema, dice: &mut Dice) -> Question {
        self.next += 1;
        Question::new(query::random(schema, dice), self.next)
    }

    fn any(&self, dice: &mut Dice) -> &Question {
        &dice.one(&self.questions).0
    }

    async fn all(
        &mut self,
        world: &mut World,
        schema: &Schema,
        dice: &mut Dice,
        figures: &mut Figures,
    ) -> Result<(), Wrong> {
        for _ in 0..ASKED {
            let at = dice.below(self.questions.len());
            let (question, last) = &mut self.questions[at];
            let loads = world.loads();
            let cached = world.cached(question).await;
            let hit = world.loads() == loads;
            let uncached = world.uncached(question).await;
            if cached != uncached {
                return Err((question.asked.clone(), (cached, uncached)));
            }
            figures.answers += 1;
            figures.hits += u64::from(hit);
            figures.moved += u64::from(last.is_some() && *last != cached);
            let (refused, unclear) = (cached.is_none(), question.is_unclear());
            figures.refused_answers += u64::from(refused);
            *last = cached;
            if refused || unclear || dice.percent(6) {
                self.questions[at] = (self.another(schema, dice), None);
            }
        }
        Ok(())
    }
}

fn seeds() -> Vec<u64> {
    if let Some(seed) = given("CACHED_SEED") {
        return vec![seed.parse().unwrap()];
    }
    // A server answers more slowly than a file.
    let short = if matches!(BACKEND, Backend::Sqlite) { 1_500 } else { 900 };
    let steps = if std::env::var_os("CACHED_FULL").is_some() { FULL } else { short };
    let first = std::hash::RandomState::new().hash_one(0_u8) >> 16;
    (0..steps.div_ceil(STEPS)).map(|number| first + number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cached_answer_equals_the_uncached_one() {
    let (seeds, mut ground, mut all) = (seeds(), Ground::default(), Figures::default());
    figure(&format!("random worlds on {BACKEND}"), format!("seeds from {}", seeds[0]));
    let began = Instant::now();
    for &seed in &seeds {
        match play(&mut ground, seed, Written::Openly).await {
            Ok(figures) => all += figures,
            Err(violation) => panic!("{}", violation.told(&mut ground).await),
        }
    }
    let pace = all.steps as f64 / began.elapsed().as_secs_f64();
    figure(&format!("random worlds on {BACKEND}"), format!("{all:?}, {pace:.0} steps a second"));
    if seeds.len() > 1 {
        assert!(all.hits * 4 > all.answers, "answers from the cache are what is compared: {all:?}");
        assert!(all.moved * 100 > all.answers, "writes are to change answers: {all:?}");
        assert!(all.refused_answers * 5 < all.answers, "{all:?}");
        assert!(all.refused_writes * 2 < all.writes, "{all:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_invalidation_old_answers_are_found() {
    let (mut ground, mut found) = (Ground::default(), 0);
    for seed in 1..=5 {
        found += u64::from(play(&mut ground, seed, Written::Behind).await.is_err());
    }
    assert_eq!(found, 5, "of five worlds each has old answers");
}
