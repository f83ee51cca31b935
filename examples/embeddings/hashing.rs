//! A stand-in for a model: words and parts of words, hashed into 256 numbers.
//!
//! Feature hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009): each word, its
//! beginning, each pair of neighbours and each four letters of a word has a place and a sign by its hash. The same text
//! gets the same vector everywhere, and vectors have unit length, so that a product of two is their cosine.

use std::convert::Infallible;

use cached_runtime::embed::Embed;

const DIMENSIONS: usize = 256;
/// What words count, how they begin, what stands beside them, and their parts.
const WORD: f32 = 1.0;
const BEGINNING: f32 = 0.5;
const PAIR: f32 = 0.2;
const LETTERS: f32 = 0.2;
/// Words that stand everywhere and say nothing.
const COMMON: &str = "the and that which with for one from who his this not are was has its but all any had have him \
                      her they them their our your you than then there these those such being been into upon out \
                      other another some when what were would may can will more most very own man men does";

/// The model; it knows nothing.
#[derive(Debug, Clone, Copy)]
pub struct HashedWords;

impl Embed for HashedWords {
    type Error = Infallible;

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Infallible> {
        Ok(texts.iter().map(|text| vector_of(text)).collect())
    }
}

fn vector_of(text: &str) -> Vec<f32> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2);
    let mut numbers = vec![0.0; DIMENSIONS];
    let mut before = "";
    for word in words.filter(|word| !COMMON.split(' ').any(|common| common == *word)) {
        let letters: Vec<char> = word.chars().collect();
        add(&mut numbers, &[word], WORD);
        add(&mut numbers, &[before, word], PAIR);
        if letters.len() > 5 {
            add(&mut numbers, &[&letters[..5].iter().collect::<String>()], BEGINNING);
        }
        for four in letters.windows(4) {
            add(&mut numbers, &[&four.iter().collect::<String>()], LETTERS);
        }
        before = word;
    }
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        numbers.iter_mut().for_each(|number| *number /= length);
    }
    numbers
}

/// Adds or takes away, by the hash.
fn add(numbers: &mut [f32], parts: &[&str], weight: f32) {
    // FNV-1a, with the bits mixed once more: its low bits alone are poor.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let place = (hash >> 32) as usize % DIMENSIONS;
    numbers[place] += if hash & 1 == 0 { weight } else { -weight };
}
