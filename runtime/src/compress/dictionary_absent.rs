//! Without zstd there are no dictionaries, and the compiler knows it.

use crate::error::{Error, Result};

/// The method whose frames would say which dictionary they need: zstd.
pub(super) const METHOD: u8 = 2;

/// A dictionary, of which there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dictionary {}

impl Dictionary {
    pub(super) fn id(&self) -> u32 {
        match *self {}
    }

    pub(super) fn compress(&self, _: &[u8], _: i32) -> Option<Vec<u8>> {
        match *self {}
    }

    pub(super) fn decompress(&self, _: &[u8], _: usize) -> Option<Vec<u8>> {
        match *self {}
    }
}

pub(super) const fn said_length(_: &[u8]) -> Option<usize> {
    None
}

pub(super) const fn written_with(_: &[u8]) -> Option<u32> {
    None
}

pub(super) const fn check(_: &[Dictionary]) -> Result<()> {
    Ok(())
}

pub(super) fn missing(id: u32) -> Error {
    Error::config("dictionary", "there are none without feature `zstd`").with("id", id)
}
