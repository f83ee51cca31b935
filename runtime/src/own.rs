//! Copies of borrowed arguments, for a load that may outlive the call they were lent to.

use std::fmt;

/// A borrowed argument of which a load can have its own copy.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go along into the task of a load",
    label = "cannot be copied into the load",
    note = "a load may outlive the call, so it gets a copy of what is borrowed: that needs `Clone + Send + 'static`",
    note = "derive `Clone`, pass an `Arc` by value, or write `load = \"inline\"` to load in the caller"
)]
pub trait Own {
    /// The copy, which knows what it was made of.
    type Copy: Lend<Of = Self>;

    /// Makes the copy.
    fn own(&self) -> Self::Copy;
}

/// A copy that can be lent again.
pub trait Lend {
    /// What it was made of.
    type Of: ?Sized;

    /// As the argument was.
    fn lend(&self) -> &Self::Of;
}

/// The copy of a borrowed `T`.
pub struct Copied<T: ToOwned + ?Sized>(T::Owned);

#[diagnostic::do_not_recommend]
impl<T: ToOwned + ?Sized> Own for T
where
    T::Owned: Send + 'static,
{
    type Copy = Copied<T>;

    fn own(&self) -> Copied<T> {
        Copied(self.to_owned())
    }
}

impl<T: ToOwned + ?Sized> Lend for Copied<T> {
    type Of = T;

    fn lend(&self) -> &T {
        std::borrow::Borrow::borrow(&self.0)
    }
}

impl<T: ToOwned + ?Sized> fmt::Debug for Copied<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Copied(..)") // an argument may be a secret
    }
}

/// A copy of an argument, made on a miss only.
pub fn own<T: Own + ?Sized>(argument: &T) -> T::Copy {
    argument.own()
}

/// The argument again, out of the copy.
pub fn lend<C: Lend>(copy: &C) -> &C::Of {
    copy.lend()
}

/// A copy of an argument that may be left out.
#[must_use]
pub fn own_option<T: Own + ?Sized>(argument: Option<&T>) -> Option<T::Copy> {
    argument.map(Own::own)
}

/// The argument again, if there was one.
#[must_use]
pub fn lend_option<C: Lend>(copy: &Option<C>) -> Option<&C::Of> {
    copy.as_ref().map(Lend::lend)
}
