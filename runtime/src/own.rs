//! Copies of borrowed arguments, for a load that may outlive the call they were lent to.

use std::fmt;
use std::marker::PhantomData;

/// A borrowed argument of which a load can have its own copy.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot go along into the task of a load",
    label = "cannot be copied into the load",
    note = "a load may outlive the call, so it gets a copy of what is borrowed: that needs `Clone + Send + 'static`",
    note = "derive `Clone`, pass an `Arc` by value, or write `load = \"inline\"` to load in the caller"
)]
pub trait Own {}

#[diagnostic::do_not_recommend]
impl<T: ToOwned + ?Sized> Own for T where T::Owned: Send + 'static {}

/// A copy that can be lent as the argument was.
pub trait Lend {
    /// What it was made of.
    type Of: ?Sized;

    /// As the argument was.
    fn lend(&self) -> &Self::Of;
}

/// The copy of a borrowed `T`.
pub struct Copied<T: ToOwned + ?Sized>(T::Owned);

impl<T: ToOwned + ?Sized> Copied<T> {
    fn of(argument: &T) -> Self {
        Self(argument.to_owned())
    }
}

impl<T: ToOwned + ?Sized> Lend for Copied<T> {
    type Of = T;

    fn lend(&self) -> &T {
        std::borrow::Borrow::borrow(&self.0)
    }
}

/// Stands in for the copy of what cannot be copied; no program that makes one compiles.
pub struct Uncopied<T: ?Sized>(std::convert::Infallible, PhantomData<fn() -> Box<T>>);

impl<T: ?Sized> Lend for Uncopied<T> {
    type Of = T;

    fn lend(&self) -> &T {
        match self.0 {}
    }
}

/// An argument, about which something is asked.
pub struct Argument<'a, T: ?Sized>(pub &'a T);

/// An argument that may be left out.
pub struct Optional<'a, T: ?Sized>(pub Option<&'a T>);

/// The ways to a copy: the real one, and the one for types that have none.
macro_rules! ways {
    ($(#[$doc:meta])* $first:ident, $last:ident, $question:ident, $copied:ty, $uncopied:ty, |$argument:ident| $copy:expr) => {
        $(#[$doc])*
        pub trait $first {
            /// The copy.
            type Copy;
            /// Makes the copy.
            fn own(&self) -> Self::Copy;
        }

        impl<T: ToOwned + ?Sized> $first for &$question<'_, T>
        where
            T::Owned: Send + 'static,
        {
            type Copy = $copied;

            fn own(&self) -> $copied {
                let $argument = self.0;
                $copy
            }
        }

        impl<T: ?Sized> $last for $question<'_, T> {
            type Of = T;
            type Copy = $uncopied;
        }
    };
}

/// The way for types of which there is no copy: the compiler refuses it. Not from the macro, whose text the compiler
/// would show to those who come here.
pub trait Own1 {
    /// What is asked about.
    type Of: ?Sized;
    /// What is answered.
    type Copy;
    /// Never.
    fn own(&self) -> Self::Copy
    where
        Self::Of: Own,
    {
        unreachable!("refused by the compiler")
    }
}

/// The same for an argument that may be left out.
pub trait OwnOption1 {
    /// What is asked about.
    type Of: ?Sized;
    /// What is answered.
    type Copy;
    /// Never.
    fn own(&self) -> Self::Copy
    where
        Self::Of: Own,
    {
        unreachable!("refused by the compiler")
    }
}

ways!(/// A copy of an argument, made on a miss only.
    Own0, Own1, Argument, Copied<T>, Uncopied<T>, |argument| Copied::of(argument));
ways!(/// The same of an argument that may be left out.
    OwnOption0, OwnOption1, Optional, Option<Copied<T>>, Option<Uncopied<T>>, |argument| argument.map(Copied::of));

/// The argument again, out of the copy.
pub fn lend<C: Lend>(copy: &C) -> &C::Of {
    copy.lend()
}

/// The argument again, if there was one.
pub fn lend_option<C: Lend>(copy: &Option<C>) -> Option<&C::Of> {
    copy.as_ref().map(Lend::lend)
}

impl<T: ToOwned + ?Sized> fmt::Debug for Copied<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Copied(..)") // an argument may be a secret
    }
}

impl<T: ?Sized> fmt::Debug for Uncopied<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uncopied")
    }
}

impl<T: ?Sized> fmt::Debug for Optional<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Optional(..)")
    }
}

impl<T: ?Sized> fmt::Debug for Argument<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argument(..)") // it may be a secret
    }
}
