//! A wrong answer, and the shortest way to it.

use super::world::{Answer, Ground, Question, Written};
use crate::random::asked::Asked;
use crate::random::write::Step;

/// So often is tried to leave something out.
const TRIES: usize = 250;

/// An answer of the cache that is not the database's.
pub(super) struct Violation {
    pub(super) seed: u64,
    pub(super) made_by: Vec<Asked>,
    pub(super) steps: Vec<Step>,
    pub(super) asked: Asked,
    pub(super) answers: (Answer, Answer),
}

/// What came before it.
#[derive(Clone)]
enum Part {
    Made(Asked),
    Taken(Step),
}

impl Violation {
    /// All that is needed to see it, and little else.
    pub(super) async fn told(self, ground: &mut Ground) -> String {
        let Self { seed, made_by, steps, asked, answers } = self;
        let mut parts: Vec<Part> =
            made_by.into_iter().map(Part::Made).chain(steps.into_iter().map(Part::Taken)).collect();
        let again = wrong_after(ground, &parts, &asked).await;
        let repeats = if again.is_some() { "" } else { " (not seen again when played once more)" };
        let (cached, uncached) = match again {
            Some((at, answers)) => {
                parts.truncate(at + 1);
                shorter(ground, &mut parts, &asked).await.unwrap_or(answers)
            }
            None => answers,
        };
        let lines: Vec<String> = parts
            .iter()
            .map(|part| match part {
                Part::Made(asked) => asked.to_string(),
                Part::Taken(step) => format!("[asked]  {step}"),
            })
            .collect();
        format!(
            "an answer of the cache is not the database's{repeats}; CACHED_SEED={seed} plays it again\n  {}\n  \
             question: {asked}\n  cached:   {cached:?}\n  uncached: {uncached:?}",
            lines.join("\n  ")
        )
    }
}

/// Leaves out what can be left out: first much at a time, then little.
async fn shorter(ground: &mut Ground, parts: &mut Vec<Part>, asked: &Asked) -> Option<(Answer, Answer)> {
    let (mut last, mut chunk, mut tries) = (None, parts.len() / 2, TRIES);
    while chunk > 0 {
        let mut progress = false;
        let mut end = parts.len() - 1;
        while end > 0 && tries > 0 {
            let from = end.saturating_sub(chunk);
            let mut fewer = parts.clone();
            fewer.drain(from..end);
            tries -= 1;
            if let Some((at, answers)) = wrong_after(ground, &fewer, asked).await {
                fewer.truncate(at + 1);
                (*parts, last, progress) = (fewer, Some(answers), true);
            }
            end = from.min(parts.len() - 1);
        }
        if !progress || tries == 0 {
            chunk /= 2;
        }
    }
    last
}

/// After which step the question is answered wrong, asked before each and after it.
async fn wrong_after(ground: &mut Ground, parts: &[Part], asked: &Asked) -> Option<(usize, (Answer, Answer))> {
    let (mut world, _) = ground.world().await;
    let question = Question::new(asked.clone(), 0);
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Made(asked) => {
                world.prepared(std::slice::from_ref(asked)).await;
            }
            Part::Taken(step) => {
                world.cached(&question).await;
                world.step(step, Written::Openly, Some(&question)).await;
                let answers = (world.cached(&question).await, world.uncached(&question).await);
                if answers.0 != answers.1 {
                    return Some((at, answers));
                }
            }
        }
    }
    None
}
