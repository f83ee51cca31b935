//! May an argument be part of a key?

use crate::key::KeyPart;
use crate::own::Argument;

/// Yes, borrowed.
pub trait Part0 {
    /// The part.
    type Part;
    /// The part.
    fn part(&self) -> Self::Part;
}

impl<'a, T: KeyPart + ?Sized> Part0 for &Argument<'a, T> {
    type Part = &'a T;

    #[inline]
    fn part(&self) -> &'a T {
        self.0
    }
}

/// No.
pub trait Part1 {
    /// What is asked about.
    type Of: ?Sized;
    /// A stand-in.
    fn part(&self)
    where
        Self::Of: KeyPart,
    {
    }
}

impl<T: ?Sized> Part1 for Argument<'_, T> {
    type Of = T;
}
