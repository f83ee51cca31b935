//! A table that only grows, read without a lock: how a call finds its shelf, and how the installed cache is found.

use std::fmt;
use std::sync::OnceLock;

const CHUNKS: usize = 16;
const FIRST: usize = 32;

/// A table of cells that are each filled once. Reading is two loads; a table holds about two million cells at most.
pub(crate) struct Slots<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// What the cell holds, if it was filled.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (chunk, at) = place(index);
        self.chunks.get(chunk)?.get()?.get(at)?.get()
    }

    /// What the cell holds, filled now if it was not; `None` if the table is full.
    pub(crate) fn get_or_init(&self, index: usize, fill: impl FnOnce() -> T) -> Option<&T> {
        let (chunk, at) = place(index);
        let cells = self.chunks.get(chunk)?.get_or_init(|| (0..FIRST << chunk).map(|_| OnceLock::new()).collect());
        Some(cells.get(at)?.get_or_init(fill))
    }
}

impl<T> fmt::Debug for Slots<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slots")
    }
}

/// Chunk `c` holds `FIRST << c` cells, so the chunk is the position of the highest bit.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let shifted = index / FIRST + 1;
    let chunk = shifted.ilog2() as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_a_cell_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for index in 0..5000 {
            let (chunk, at) = place(index);
            assert!(at < FIRST << chunk, "{index} is outside its chunk");
            assert!(seen.insert((chunk, at)), "{index} shares a cell");
        }
    }
}
