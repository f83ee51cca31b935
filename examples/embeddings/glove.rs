//! A small trained model: the mean of the vectors of a text's words.
//!
//! The vectors are those of GloVe (Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation", 2014);
//! `examples/data/words` says where they come from. How they become the vector of a text is the baseline of Arora, Liang
//! and Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings" (2017): the rarer a word the more it counts, and
//! what all texts have in common is taken away. Vectors have unit length, so that a product of two is their cosine.

use std::collections::HashMap;
use std::error::Error;

use cached_runtime::embed::Embed;

pub const DIMENSIONS: usize = 100;
/// Words, most frequent first: the word, its rank among all words of the training text, what a step of its numbers is.
const WORDS: &str = include_str!("../data/words/words.txt");
/// One byte, with a sign, for each number of each word.
const NUMBERS: &[u8] = include_bytes!("../data/words/vectors.i8");
/// How frequent a word is that counts half: the paper's.
const HALF: f32 = 1e-3;
/// The sum of 1 / rank over the 314,451 words of the training text: by Zipf's law a word has 1 / (rank x this) of it.
const RANKS: f32 = 13.2;

/// The model.
#[derive(Debug)]
pub struct Glove {
    /// Where a word stands in `numbers`, and what it counts.
    words: HashMap<&'static str, (usize, f32)>,
    numbers: Vec<f32>,
}

impl Glove {
    /// Reads what is compiled into the program.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let mut words = HashMap::new();
        let mut numbers = Vec::with_capacity(NUMBERS.len());
        let (mut common, mut all) = ([0.0; DIMENSIONS], 0.0);
        for (line, bytes) in WORDS.lines().zip(NUMBERS.chunks_exact(DIMENSIONS)) {
            let [word, rank, step] = line.split(' ').collect::<Vec<_>>()[..] else { return Err(line.into()) };
            let (rank, step): (f32, f32) = (rank.parse()?, step.parse()?);
            let frequency = 1.0 / (rank * RANKS);
            let counts = HALF / (HALF + frequency);
            words.insert(word, (numbers.len(), counts));
            all += frequency * counts;
            for (common, byte) in common.iter_mut().zip(bytes) {
                let number = f32::from(byte.cast_signed()) * step;
                *common += number * frequency * counts;
                numbers.push(number);
            }
        }
        for numbers in numbers.chunks_exact_mut(DIMENSIONS) {
            numbers.iter_mut().zip(&common).for_each(|(number, common)| *number -= common / all);
        }
        Ok(Self { words, numbers })
    }

    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// Words that are not known count nothing.
    fn vector_of(&self, text: &str) -> Vec<f32> {
        let text = text.to_ascii_lowercase();
        let mut sum = vec![0.0; DIMENSIONS];
        for (place, counts) in text.split(|c: char| !c.is_ascii_alphabetic()).filter_map(|word| self.words.get(word)) {
            let numbers = &self.numbers[*place..place + DIMENSIONS];
            sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number * counts);
        }
        let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
        if length > 0.0 {
            sum.iter_mut().for_each(|number| *number /= length);
        }
        sum
    }
}

impl Embed for Glove {
    type Error = std::convert::Infallible;

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Self::Error> {
        Ok(texts.iter().map(|text| self.vector_of(text)).collect())
    }
}
