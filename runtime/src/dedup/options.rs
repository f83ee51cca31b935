//! What can be said about deduplication, and what holds if nothing is.

use std::time::Duration;

use super::hash::Method;
use crate::clock::CENTURY;
use crate::error::{Error, Result};

/// How pictures are compared, and the bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupOptions {
    pub(super) similarity: f64,
    pub(super) method: Method,
    pub(super) max_frames: usize,
    pub(super) max_bytes: usize,
    pub(super) max_pixels: u64,
    pub(super) ttl: Duration,
    pub(super) memory: usize,
    pub(super) decoding: usize,
}

impl Default for DedupOptions {
    fn default() -> Self {
        Self {
            similarity: 0.95,
            method: Method::default(),
            max_frames: 100_000,
            max_bytes: 32 << 20,
            max_pixels: 50_000_000,
            ttl: Duration::from_secs(30 * 24 * 3_600),
            memory: 64 << 20,
            decoding: std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8),
        }
    }
}

impl DedupOptions {
    /// Nothing said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How alike two pictures must be to count as one, from 0.5 to 1: 1 - distance / bits of their hashes. Default: 0.95.
    #[must_use]
    pub fn similarity(mut self, similarity: f64) -> Self {
        self.similarity = similarity;
        self
    }

    /// The hash. What was remembered by another one is forgotten. Default: [`Method::Combined`].
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// How many pictures are remembered of one video, originals and duplicates. Beyond that they are compared with those
    /// that are, and not remembered. It also bounds how much is read of a video: of more pages, which only many nodes at
    /// once can write, the newest of each. What one of them forgot long ago may then stand again by the word of another.
    /// Default: 100,000.
    #[must_use]
    pub fn max_frames(mut self, frames: usize) -> Self {
        self.max_frames = frames;
        self
    }

    /// How many bytes an encoded picture may have. Default: 32 MiB.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many pixels a picture may have; known before it is decoded, which takes up to 16 bytes for each. Default:
    /// 50 million.
    #[must_use]
    pub fn max_pixels(mut self, pixels: u64) -> Self {
        self.max_pixels = pixels;
        self
    }

    /// How long what is remembered of a video is kept after it was written, in pages of 128 pictures: each as long as
    /// the last on its page. What was read into memory may be known for an eighth of that longer; what many processes
    /// have written is put together now and then, and may end an eighth sooner. Where one process forgets and checks the
    /// same timestamps so often that its pages are put together, they end with the first of them. Default: 30 days.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How many bytes the indexes of all videos may take in memory, beside those of videos that are being checked now.
    /// What was not asked for longest goes first, and is read from the tiers when it is asked for again. A cache without
    /// tiers forgets it. Default: 64 MiB.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// How many pictures are decoded at a time; more wait. Default: one per core, 8 at most.
    #[must_use]
    pub fn decoding(mut self, pictures: usize) -> Self {
        self.decoding = pictures;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if !(0.5..=1.0).contains(&self.similarity) {
            return Err(Error::config("similarity", "give a similarity from 0.5 to 1"));
        }
        let positive = [
            ("max_frames", self.max_frames as u64),
            ("max_bytes", self.max_bytes as u64),
            ("max_pixels", self.max_pixels),
            ("decoding", self.decoding as u64),
            ("ttl", u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX)),
        ];
        match positive.into_iter().find(|(_, value)| *value == 0) {
            Some((setting, _)) => Err(Error::config(setting, "give at least 1")),
            None if self.ttl > CENTURY => Err(Error::config("ttl", "is longer than a century: say a shorter time")),
            None => Ok(()),
        }
    }
}
