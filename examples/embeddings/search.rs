//! The nearest of many vectors, found by looking at each: quick enough for some ten thousand.

use std::sync::Arc;

/// Vectors to search.
#[derive(Debug, Default, PartialEq)]
pub struct Shelf(Vec<Arc<[f32]>>);

impl Shelf {
    pub fn of(vectors: Vec<Arc<[f32]>>) -> Self {
        Self(vectors)
    }

    pub fn vectors(&self) -> impl Iterator<Item = &[f32]> {
        self.0.iter().map(|vector| &**vector)
    }

    /// Those that are nearest, with their cosines; the nearest first.
    pub fn nearest(&self, to: &[f32], most: usize) -> Vec<(usize, f32)> {
        let mut all: Vec<(usize, f32)> = self.vectors().map(|vector| cosine(vector, to)).enumerate().collect();
        all.sort_by(|one, other| other.1.total_cmp(&one.1));
        all.truncate(most);
        all
    }

    /// How far the vectors of another shelf are from these at most.
    pub fn lost(&self, other: &Self) -> f64 {
        self.vectors().zip(other.vectors()).map(|(one, other)| 1.0 - exact_cosine(one, other)).fold(0.0, f64::max)
    }
}

/// Which part of the ten nearest of each vector is the same in both.
pub fn overlap(one: &Shelf, other: &Shelf) -> f64 {
    let (mut same, mut all) = (0, 0);
    for (vector, again) in one.vectors().zip(other.vectors()) {
        let (these, those) = (one.nearest(vector, 10), other.nearest(again, 10));
        same += these.iter().filter(|(place, _)| those.iter().any(|(other, _)| other == place)).count();
        all += these.len();
    }
    same as f64 / all as f64
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    if lengths > 0.0 { dot(one, other) / lengths } else { 0.0 }
}

fn exact_cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}
