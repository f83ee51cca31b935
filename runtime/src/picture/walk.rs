//! The bytes of a picture, read from the front.

/// What a walk finds, or what is wrong.
pub(super) type Found<T> = Result<T, &'static str>;

/// What is not there is a picture that was cut off.
pub(super) const CUT: &str = "it ends too early";

/// What a walk finds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Walked {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) animated: bool,
}

pub(super) struct Walk<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// From there on.
    pub(super) fn from(bytes: &'a [u8], at: usize) -> Found<Self> {
        bytes.get(at..).map(|rest| Self { rest }).ok_or(CUT)
    }

    pub(super) fn take(&mut self, many: usize) -> Found<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(many).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Found<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(CUT)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Found<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}
