//! Can what a function returns be kept: in near, below near, as `None`, as an error?

use std::fmt;
use std::marker::PhantomData;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::depth::{Framed, Local, Storable};
use crate::outcome::{Probe, Shape, Sort, Whole};

/// Can near keep what this shape keeps, and tiers what it stores?
pub struct Asked<R, S>(S, PhantomData<fn() -> R>);

impl<R, S> Asked<R, S> {
    /// The question about this shape.
    pub const fn about(shape: S) -> Self {
        Self(shape, PhantomData)
    }
}

/// Values that near can keep and give out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be cached",
    label = "not `Clone + Send + Sync + 'static`",
    note = "every hit gives out a clone, on any thread: derive `Clone`, or return an `Arc` of it"
)]
pub trait Keep {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> Keep for T {}

/// They can be kept.
pub trait Kept0 {
    /// The shape.
    type Shape;
    /// The shape.
    fn kept(&self) -> Self::Shape;
}

impl<R, S: Shape<R>> Kept0 for &Asked<R, S>
where
    S::Kept: Clone + Send + Sync + 'static,
{
    type Shape = S;

    #[inline]
    fn kept(&self) -> S {
        self.0
    }
}

/// They cannot.
pub trait Kept1 {
    /// What is asked about.
    type Kept;
    /// A stand-in.
    fn kept(&self) -> Refused
    where
        Self::Kept: Keep,
    {
        Refused
    }
}

impl<R, S: Shape<R>> Kept1 for Asked<R, S> {
    type Kept = S::Kept;
}

/// They can leave the process.
pub trait Framed0 {
    /// So deep.
    fn depth(&self) -> Framed;
}

impl<R, S: Shape<R>> Framed0 for &Asked<R, S>
where
    S::Stored: Storable,
{
    #[inline]
    fn depth(&self) -> Framed {
        Framed
    }
}

/// They cannot.
pub trait Framed1 {
    /// What is asked about.
    type Stored;
    /// A stand-in.
    fn depth(&self) -> Local
    where
        Self::Stored: Storable,
    {
        Local
    }
}

impl<R, S: Shape<R>> Framed1 for Asked<R, S> {
    type Stored = S::Stored;
}

/// Return types that can be `None`.
#[diagnostic::on_unimplemented(
    message = "`cache_none` has nothing to keep in `{Self}`",
    label = "never `None`",
    note = "drop `cache_none`, or return an `Option`, or a `Result` of one"
)]
pub trait SaysNone {}

impl<T> SaysNone for Option<T> {}
impl<T, E> SaysNone for Result<Option<T>, E> {}

/// Return types that can be an `Err`.
#[diagnostic::on_unimplemented(
    message = "`cache_err` has nothing to keep in `{Self}`",
    label = "never an `Err`",
    note = "drop `cache_err`, or return a `Result`"
)]
pub trait SaysErr {}

impl<T, E> SaysErr for Result<T, E> {}

/// `cache_none` and `cache_err` on types for which they are a mistake.
macro_rules! mistaken {
    ($($trait:ident::$method:ident where $($bound:ident),*;)*) => {$(
        /// Every type that has no better answer.
        pub trait $trait {
            /// What is asked about.
            type Ret;
            /// A stand-in.
            fn $method(&self) -> Whole
            where
                $(Self::Ret: $bound,)*
            {
                Whole
            }
        }
        impl<R> $trait for Probe<R> {
            type Ret = R;
        }
    )*};
}

mistaken! {
    None2::kind_none where SaysNone;
    Err2::kind_err where SaysErr;
    Both1::kind_none_err where SaysNone, SaysErr;
}

/// The shape that stands in for one that was refused; it keeps nothing.
#[derive(Debug, Clone, Copy)]
pub struct Refused;

/// A value that does not exist.
#[derive(Debug, Clone, Copy)]
pub enum Nothing {}

impl<R> Shape<R> for Refused {
    type Kept = Nothing;
    type Stored = Nothing;

    fn split(self, result: R) -> Result<(Nothing, Sort), (R, Sort)> {
        Err((result, Sort::Failure))
    }

    fn join(self, kept: Nothing) -> R {
        match kept {}
    }

    fn stored(self, kept: &Nothing) -> Option<&Nothing> {
        Some(kept)
    }

    fn restore(self, stored: Nothing) -> (Nothing, Sort) {
        (stored, Sort::Nothing)
    }
}

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("there is no such value"))
    }
}

impl<R, S: fmt::Debug> fmt::Debug for Asked<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.0).finish()
    }
}
