//! Invented rows: words of syllables, captions of words, and what learners saved. The same ones in every run.

use std::fmt;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};

/// What the pipeline has to do.
pub const ITEMS: usize = 1_000;
/// What it did on other days.
const DONE: usize = 10_000;
const WORDS: usize = 6_000;
const CAPTIONS: usize = 20_000;
const VIDEOS: usize = 40;

const SYLLABLES: [&str; 20] = [
    "ga", "na", "da", "ra", "ma", "ba", "sa", "a", "ja", "cha", "ka", "ta", "pa", "ha", "go", "no", "do", "ro", "mo",
    "bo",
];

/// Rows, in the order of their columns.
#[derive(Debug)]
pub struct Data {
    pub videos: Vec<(i64, String)>,
    pub captions: Vec<(i64, i64, String, String)>,
    pub words: Vec<(String, String, i64)>,
    pub saved: Vec<(i64, String, i64, i64, i64)>,
}

impl Data {
    pub fn invent() -> anyhow::Result<Self> {
        let mut rng = StdRng::seed_from_u64(1_000);
        // A few words are said, and saved, again and again.
        let zipf = Zipf::new(WORDS as f64, 1.0)?;
        let any = |rng: &mut StdRng| zipf.sample(rng) as usize - 1;
        let videos = (0..VIDEOS).map(|id| (id as i64, format!("Episode {}: {}", id + 1, word(id * 7)))).collect();
        let words = (0..WORDS).map(|n| (word(n), format!("meaning {n}"), 1 + (n as f64).log2().max(0.0) as i64));
        let captions = (0..CAPTIONS).map(|id| {
            let about = any(&mut rng);
            let mut text: Vec<String> = (0..rng.random_range(3..9)).map(|_| word(any(&mut rng))).collect();
            text.push(word(about));
            (id as i64, rng.random_range(0..VIDEOS as i64), word(about), text.join(" "))
        });
        let captions = captions.collect();
        let saved = (0..DONE + ITEMS).map(|id| {
            let video = rng.random_range(0..VIDEOS as i64);
            (id as i64, word(any(&mut rng)), video, i64::from(id < DONE), 1_700_000_000 + id as i64)
        });
        Ok(Self { videos, captions, words: words.collect(), saved: saved.collect() })
    }
}

/// The word of this number: no two are the same.
fn word(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        word.push_str(SYLLABLES[number % SYLLABLES.len()]);
        number /= SYLLABLES.len();
        if number == 0 {
            return word;
        }
        word.push('-');
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { videos, captions, words, saved } = self;
        write!(
            f,
            "{} videos, {} captions, a dictionary of {} words; {} saved words, of which {ITEMS} wait for their card;",
            videos.len(),
            captions.len(),
            words.len(),
            saved.len()
        )
    }
}
